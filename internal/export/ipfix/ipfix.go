// SPDX-License-Identifier: Apache-2.0

// Package ipfix is the output that sends flows as IPFIX (RFC 7011) over UDP or TCP: one record for both directions of a
// flow (RFC 5103), of elements in IANA's registry (RFC 7012).
package ipfix

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/peer"
	"github.com/weirnet/weir/internal/record"
)

// Kind is the kind of this output.
var Kind = &export.Kind{Name: "ipfix", Schemes: []string{"ipfix+udp", "ipfix+tcp"},
	Example: "ipfix+udp://collector.example.org:4739?domain=1", Parse: parse}

// port is that of RFC 7011, section 10.
const port = 4739

func parse(u *url.URL, p *export.Parameters) (*export.Made, error) {
	address, err := peer.Address(u, port)
	if err != nil {
		return nil, err
	}
	if u.Path != "" && u.Path != "/" || u.User != nil {
		return nil, errors.New("ipfix has neither path nor user")
	}
	if types := p.List("types", export.Types, "flow"); !slices.Equal(types, []string{"flow"}) {
		return nil, fmt.Errorf("types=%s: ipfix has flows only", strings.Join(types, ","))
	}
	o := &output{conn: peer.Conn{Network: strings.TrimPrefix(u.Scheme, "ipfix+"), Address: address}, now: time.Now,
		mtu:           p.Int("mtu", 1400, 600, math.MaxUint16),
		templateEvery: p.Duration("templates", 10*time.Minute, time.Second, 24*time.Hour)}
	o.writer.domain = uint32(p.Int("domain", 0, 0, math.MaxInt32))
	return &export.Made{Open: func(*export.Environment) (export.Output, error) { return o, nil }}, nil
}

type output struct {
	conn          peer.Conn
	writer        writer
	mtu           int           // bytes of a message
	templateEvery time.Duration // over UDP
	now           func() time.Time
	templatesAt   time.Time // when the templates were sent last; zero: never, on this connection
	messages      int       // since then
}

// templateMessages is the number of messages over UDP after which the templates are sent again, whatever the time.
const templateMessages = 1000

// Write implements export.Output. Records of live flows count as written: their counts would count twice.
func (o *output) Write(ctx context.Context, records []*export.Record) error {
	done := 0
	for done < len(records) {
		if err := o.begin(ctx); err != nil {
			return export.Retry(done, err)
		}
		n := o.fill(records[done:])
		sent, err := o.conn.Write(ctx, o.writer.message())
		if err != nil {
			o.templatesAt = time.Time{} // who comes back knows no templates
			if sent == len(o.writer.buffer) {
				done += n
			}
			return export.Retry(done, err)
		}
		o.writer.sequence += uint32(o.writer.count)
		o.messages++
		done += n
	}
	return nil
}

// begin begins a message, with the templates if they are due.
func (o *output) begin(ctx context.Context) error {
	isTCP := o.conn.Network == "tcp"
	if isTCP && !o.conn.IsOpen() {
		if err := o.conn.Open(ctx); err != nil {
			return err
		}
		o.templatesAt, o.writer.sequence = time.Time{}, 0 // a transport session begins
	}
	now := o.now()
	o.writer.begin(now)
	age := now.Sub(o.templatesAt)
	isOld := !isTCP && (age >= o.templateEvery || age < 0 || o.messages >= templateMessages)
	if o.templatesAt.IsZero() || isOld {
		o.writer.templates()
		o.templatesAt, o.messages = now, 0
	}
	return nil
}

// fill adds as many records as the message has room for, at least one, and returns how many are done.
func (o *output) fill(records []*export.Record) (n int) {
	for _, r := range records {
		if r.Flow != nil && r.Flow.State == record.StateEnd && !o.writer.add(r.Flow, o.mtu) {
			break
		}
		n++
	}
	return n
}

// Close implements export.Output.
func (o *output) Close() error { return o.conn.Close() }

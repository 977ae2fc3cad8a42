// SPDX-License-Identifier: Apache-2.0

// Package syslog is the output that sends records as syslog messages (RFC 5424) over UDP (RFC 5426), TCP with octet
// counting (RFC 6587, section 3.4.1) or TLS (RFC 5425). The message is the record's JSON.
package syslog

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/peer"
)

// Kind is the kind of this output.
var Kind = &export.Kind{Name: "syslog", Schemes: []string{"syslog+udp", "syslog+tcp", "syslog+tls"},
	Example: "syslog+tls://logs.example.org:6514?ca=/etc/weir/ca.pem&facility=local0", Parse: parse}

// facilities are those of RFC 5424, section 6.2.1, by their numbers.
var facilities = []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
	"ftp", "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
	"local7"}

// Ports of RFC 5426 and RFC 5425; TCP has none, and uses the first.
const port, portTLS = 514, 6514

func parse(u *url.URL, p *export.Parameters) (*export.Made, error) {
	network := strings.TrimPrefix(u.Scheme, "syslog+")
	hasTLS := network == "tls"
	usual := port
	if hasTLS {
		network, usual = "tcp", portTLS
	}
	address, err := peer.Address(u, usual)
	if err != nil {
		return nil, err
	}
	if u.Path != "" && u.Path != "/" || u.User != nil {
		return nil, errors.New("syslog has neither path nor user")
	}
	o := &output{conn: peer.Conn{Network: network, Address: address}}
	facility := p.OneOf("facility", append([]string{"daemon"}, facilities...)...)
	for n, name := range facilities {
		if name == facility {
			o.priority = n*8 + severity
		}
	}
	if p.Bool("cee") {
		o.cookie = "@cee: "
	}
	security := peer.ReadSecurity(p)
	if err := security.Check(hasTLS); err != nil {
		return nil, err
	}
	return &export.Made{Open: func(e *export.Environment) (export.Output, error) {
		if hasTLS {
			if o.conn.TLS, err = security.Config(e); err != nil {
				return nil, err
			}
		}
		o.host = hostName()
		return o, nil
	}}, nil
}

// severity is informational.
const severity = 6

// hostName returns the HOSTNAME of messages: printable ASCII, 255 characters at most; "-" without one.
func hostName() string {
	name, err := os.Hostname()
	isWrong := func(c rune) bool { return c <= ' ' || c > '~' }
	if err != nil || name == "" || len(name) > 255 || strings.ContainsFunc(name, isWrong) {
		return "-"
	}
	return name
}

type output struct {
	conn     peer.Conn
	priority int
	host     string
	cookie   string // before the JSON

	batch []byte
	ends  []int // of the batch's messages
}

// maxDatagram is UDP's limit over IPv4.
const maxDatagram = 65507

// Write implements export.Output.
func (o *output) Write(ctx context.Context, records []*export.Record) error {
	now := time.Now()
	if o.conn.Network == "udp" {
		return o.writeDatagrams(ctx, records, now)
	}
	o.batch, o.ends = o.batch[:0], o.ends[:0]
	var message []byte
	for _, r := range records {
		message = o.append(message[:0], r, now)
		o.batch = append(strconv.AppendInt(o.batch, int64(len(message)), 10), ' ')
		o.batch = append(o.batch, message...)
		o.ends = append(o.ends, len(o.batch))
	}
	n, err := o.conn.Write(ctx, o.batch)
	if err != nil {
		done := 0
		for done < len(o.ends) && o.ends[done] <= n {
			done++
		}
		return export.Retry(done, err)
	}
	return nil
}

// writeDatagrams sends a datagram for each record. One that is too large is lost, and the others go on.
func (o *output) writeDatagrams(ctx context.Context, records []*export.Record, now time.Time) error {
	lost := 0
	for i, r := range records {
		if o.batch = o.append(o.batch[:0], r, now); len(o.batch) > maxDatagram {
			lost++
			continue
		}
		if _, err := o.conn.Write(ctx, o.batch); err != nil {
			return &export.RetryError{Err: err, Done: i, Lost: lost}
		}
	}
	if lost > 0 {
		return &export.LostError{Err: errTooLarge, Lost: lost}
	}
	return nil
}

var errTooLarge = errors.New("a record has no room in a datagram: use syslog+tcp")

// append appends a message (RFC 5424, section 6): the record's type is its MSGID.
func (o *output) append(b []byte, r *export.Record, now time.Time) []byte {
	b = strconv.AppendInt(append(b, '<'), int64(o.priority), 10)
	b = now.UTC().AppendFormat(append(b, ">1 "...), "2006-01-02T15:04:05.000000Z")
	b = append(append(append(b, ' '), o.host...), " weir "...)
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(append(append(b, ' '), r.Type...), " - "...)
	return append(append(b, o.cookie...), r.Line...)
}

// Close implements export.Output.
func (o *output) Close() error { return o.conn.Close() }

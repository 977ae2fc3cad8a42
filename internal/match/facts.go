// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// health are the counts of TCP's health, of both ends together.
var health = map[filter.Field]func(*record.Flow) uint64{
	filter.Retransmits: ends(func(h *packet.Health) uint64 { return uint64(h.Retransmits) }),
	filter.OutOfOrder:  ends(func(h *packet.Health) uint64 { return uint64(h.OutOfOrder) }),
	filter.Resets:      ends(func(h *packet.Health) uint64 { return uint64(h.Resets) }),
	filter.ZeroWindows: ends(func(h *packet.Health) uint64 { return uint64(h.ZeroWindows) }),
}

func ends(count func(*packet.Health) uint64) func(*record.Flow) uint64 {
	return func(f *record.Flow) uint64 { return count(&f.Client.Health) + count(&f.Server.Health) }
}

// roundTrip compares the handshake's round trip from end to end. An unknown one is neither long nor short.
func roundTrip(e filter.Compare) (Filter, error) {
	n, ok := filter.Microseconds(e.Value)
	if !ok {
		return nil, fmt.Errorf("%q is no time to compare %s with", e.Value, e.Field)
	}
	e.Value = strconv.FormatUint(n, 10)
	is, err := number(e, func(f *record.Flow) uint64 { return f.RoundTrip() })
	return func(f *record.Flow) bool { return f.RoundTrip() != 0 && is(f) }, err
}

// origin compares where either end is at home.
func origin(e filter.Compare) (Filter, error) {
	is, isKnown := func(o *record.Origin) bool { return o.Country == e.Value },
		func(o *record.Origin) bool { return o.Country != "" }
	if e.Field == filter.ASN {
		isKnown = func(o *record.Origin) bool { return o.ASN != 0 }
		if name, isName := strings.CutPrefix(e.Value, "@"); isName {
			is = func(o *record.Origin) bool { return strings.EqualFold(o.ASName, name) }
		} else if e.Value != "" {
			n, err := strconv.ParseUint(e.Value, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%q is no number of an autonomous system", e.Value)
			}
			is = func(o *record.Origin) bool { return o.ASN == uint32(n) }
		}
	}
	has := func(end *record.Endpoint, is func(*record.Origin) bool) bool {
		return end.Origin != nil && is(end.Origin)
	}
	if e.Value == "" {
		return func(f *record.Flow) bool { return !has(&f.Client, isKnown) && !has(&f.Server, isKnown) }, nil
	}
	return func(f *record.Flow) bool { return has(&f.Client, is) || has(&f.Server, is) }, nil
}

// process compares the local process's name, or the path of its executable, or its container.
func process(e filter.Compare) Filter {
	text := func(p *record.Process) string { return p.Name }
	switch {
	case e.Field == filter.Container:
		text = func(p *record.Process) string { return p.Container }
	case strings.HasPrefix(e.Value, "/"):
		text = func(p *record.Process) string { return p.Executable }
	}
	if e.Value == "" {
		return func(f *record.Flow) bool { return f.Process == nil || text(f.Process) == "" }
	}
	return func(f *record.Flow) bool { return f.Process != nil && text(f.Process) == e.Value }
}

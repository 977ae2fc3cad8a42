// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"github.com/weirnet/weir/internal/filter"
)

// ofEvents are the fields that events have (record.Event.AsFlow).
var ofEvents = map[filter.Field]bool{filter.Protocol: true, filter.Device: true, filter.Host: true,
	filter.Address: true, filter.Network: true, filter.Port: true, filter.Transport: true, filter.Agent: true}

// CheckEvents returns an error if a filter depends on a field that events lack: it would select none of them, or all.
// One of several choices may name such a field, as a search for a word does.
func CheckEvents(e filter.Expr) error {
	if lacks := lacking(e); lacks != "" {
		return fmt.Errorf("%s is known of flows only: dns, http and tls records are selected by proto, host, device, "+
			"ip, net, port, transport and agent", lacks)
	}
	return nil
}

// lacking returns the first field that a filter of events can't depend on, "" without one.
func lacking(e filter.Expr) filter.Field {
	switch e := e.(type) {
	case filter.And:
		for _, term := range e {
			if f := lacking(term); f != "" {
				return f
			}
		}
	case filter.Or:
		return lackingOfAll(e)
	case filter.Not:
		return lacking(e.Term)
	case filter.Compare:
		if !ofEvents[e.Field] {
			return e.Field
		}
	}
	return ""
}

// lackingOfAll is lacking for choices. One that selects no event is allowed beside another that selects some.
func lackingOfAll(choices filter.Or) (lacks filter.Field) {
	hasOther := false
	for _, term := range choices {
		f := lacking(term)
		if c, ok := term.(filter.Compare); f != "" && (!ok || c.Op != filter.Equal || c.Value == "") {
			return f
		}
		hasOther = hasOther || f == ""
		lacks = f
	}
	if hasOther {
		return ""
	}
	return lacks
}

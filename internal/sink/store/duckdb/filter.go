// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

// condition is a condition in SQL. Values are always arguments.
type condition struct {
	sql  string
	args []any
	uses flags // the changes of an interval that the condition depends on
	// isRolled: roll-ups can tell, since it compares agents only.
	isRolled bool
}

// field is how a filter's field is stored. One without a column of intervals is found by way of flows.
type field struct {
	flows, intervals string
	uses             flags
}

var fields = map[filter.Field]field{
	filter.Application: {"f.application", "i.app", flagVerdictChanged},
	filter.Protocol:    {"f.protocol", "i.proto", flagVerdictChanged},
	filter.Category:    {"f.category", "i.category", flagVerdictChanged},
	filter.Host:        {"f.hostname", "i.host", flagVerdictChanged},
	filter.Device:      {"f.device", "i.device", flagPlaceChanged},
	filter.Network:     {"f.net", "i.net", flagPlaceChanged},
	filter.Direction:   {"f.direction", "i.direction", flagPlaceChanged},
	filter.Port: {"try_cast('0' || f.server_port AS INTEGER)", "try_cast('0' || i.port AS INTEGER)",
		flagPlaceChanged},
	filter.Agent:     {"f.agent", "i.agent", 0},
	filter.Method:    {flows: "f.method"},
	filter.Transport: {flows: "f.transport"},
	filter.Risk:      {flows: "f.risks"},
	filter.Side:      {flows: "f.client_side"}, // and the server's
	filter.Bytes:     {flows: "(f.client_bytes + f.server_bytes)"},
	filter.RoundTrip: {flows: "(f.client_rtt_us::BIGINT + f.server_rtt_us)"},
	filter.Country:   {remote("country"), "i.country", flagPlaceChanged},
	filter.ASN:       {"split_part(" + remote("as") + ", ' ', 1)", "i.asn", flagPlaceChanged},
	filter.Process:   {flows: "f.process_name"}, // or the path
	filter.Container: {flows: "f.container"},

	filter.Retransmits: {flows: "(f.client_retransmits::BIGINT + f.server_retransmits)"},
	filter.OutOfOrder:  {flows: "(f.client_out_of_order::BIGINT + f.server_out_of_order)"},
	filter.Resets:      {flows: "(f.client_resets::BIGINT + f.server_resets)"},
	filter.ZeroWindows: {flows: "(f.client_zero_windows::BIGINT + f.server_zero_windows)"},
	filter.Address:     {},
}

// remote is a column of the remote end; see row.placeOf.
func remote(column string) string {
	return "CASE WHEN f.client_side <> 'lan' AND f.server_side = 'lan' THEN f.client_" + column + " ELSE f.server_" +
		column + " END"
}

// maxTerms bounds the comparisons of a filter.
const maxTerms = 256

// compiler makes conditions on the table flows, named f, or on intervals, named i.
type compiler struct {
	onFlows bool
	terms   int
}

// compile makes a filter's condition.
func compile(e filter.Expr, onFlows bool) (condition, error) {
	return (&compiler{onFlows: onFlows}).expr(e)
}

func (c *compiler) expr(e filter.Expr) (condition, error) {
	if c.terms++; c.terms > maxTerms {
		return condition{}, fmt.Errorf("%w: a filter of more than %d terms", store.ErrInvalid, maxTerms)
	}
	switch e := e.(type) {
	case nil:
		return condition{sql: "true", isRolled: true}, nil
	case filter.And:
		return c.list(e, " AND ", "true")
	case filter.Or:
		return c.list(e, " OR ", "false")
	case filter.Not:
		term, err := c.expr(e.Term)
		term.sql = "(NOT " + term.sql + ")"
		return term, err
	case filter.Compare:
		return c.compare(e)
	}
	return condition{}, fmt.Errorf("%w: a filter of an unknown kind, %T", store.ErrInvalid, e)
}

func (c *compiler) list(terms []filter.Expr, operator, empty string) (condition, error) {
	all := condition{sql: empty, isRolled: true}
	var parts []string
	for _, e := range terms {
		term, err := c.expr(e)
		if err != nil {
			return condition{}, err
		}
		parts = append(parts, term.sql)
		all.args, all.uses = append(all.args, term.args...), all.uses|term.uses
		all.isRolled = all.isRolled && term.isRolled
	}
	if len(parts) > 0 {
		all.sql = "(" + strings.Join(parts, operator) + ")"
	}
	return all, nil
}

// operators are those of numbers.
var operators = map[filter.Op]string{filter.Equal: "=", filter.NotEqual: "<>", filter.Greater: ">", filter.Less: "<"}

// compare makes a comparison. A field that intervals lack, and a network by its prefix, are looked up in flows.
func (c *compiler) compare(e filter.Compare) (condition, error) {
	f, ok := fields[e.Field]
	if !ok {
		return condition{}, fmt.Errorf("%w: a filter of an unknown field, %q", store.ErrInvalid, e.Field)
	}
	if !c.onFlows && (f.intervals == "" || e.Field == filter.Network && e.Op == filter.Under) {
		term, err := (&compiler{onFlows: true}).compare(e)
		term.sql = "i.flow IN (SELECT f.key FROM flows f WHERE " + term.sql + ")"
		term.isRolled = false
		return term, err
	}
	column := f.intervals
	if c.onFlows {
		column = f.flows
	}
	term, err := comparison(e, column)
	if err != nil {
		return term, fmt.Errorf("%w: a filter of the field %q: %w", store.ErrInvalid, e.Field, err)
	}
	term.uses, term.isRolled = f.uses, e.Field == filter.Agent
	return term, nil
}

func comparison(e filter.Compare, column string) (condition, error) {
	operator := operators[e.Op]
	switch e.Field {
	case filter.Port, filter.Bytes, filter.Retransmits, filter.OutOfOrder, filter.Resets, filter.ZeroWindows:
		n, err := strconv.ParseUint(e.Value, 10, 63)
		if err != nil || operator == "" {
			return condition{}, fmt.Errorf("%q is no number to compare with", e.Value)
		}
		return condition{sql: column + " " + operator + " ?", args: []any{int64(n)}}, nil
	case filter.RoundTrip:
		return roundTripCondition(e, column)
	case filter.Address:
		return addressCondition(e, "f.client_ip", "f.server_ip")
	case filter.Network:
		if e.Op == filter.Under {
			return addressCondition(e, "CASE WHEN f.net = '' THEN ''::BLOB ELSE "+remote("ip")+" END")
		}
	case filter.Agent:
		column = "(SELECT a.id FROM agents a WHERE a.num = " + column + ")"
	case filter.Risk:
		if e.Value != "" && (e.Op == filter.Equal || e.Op == filter.NotEqual) { // without one the column is ''
			not := ""
			if e.Op == filter.NotEqual {
				not = "NOT "
			}
			return condition{sql: not + "contains(" + column + ", ?)", args: []any{"," + e.Value + ","}}, nil
		}
	case filter.Side:
		if operator = map[filter.Op]string{filter.Equal: "IN", filter.NotEqual: "NOT IN"}[e.Op]; operator != "" {
			return condition{sql: "(? " + operator + " (f.client_side, f.server_side))",
				args: []any{strings.TrimPrefix(e.Value, "unknown")}}, nil
		}
	case filter.ASN:
		in := map[filter.Op]string{filter.Equal: " IN ", filter.NotEqual: " NOT IN "}[e.Op]
		if name, isName := strings.CutPrefix(e.Value, "@"); isName && in != "" {
			return condition{sql: column + in + "(SELECT s.asn FROM systems s WHERE lower(s.name) = lower(?))",
				args: []any{name}}, nil
		}
	case filter.Process:
		if strings.HasPrefix(e.Value, "/") {
			column = "f.process_path"
		}
	case filter.Host:
		if e.Op == filter.Under {
			return condition{sql: "(" + column + " = ? OR ends_with(" + column + ", ?))",
				args: []any{e.Value, "." + e.Value}}, nil
		}
	}
	if e.Op != filter.Equal && e.Op != filter.NotEqual {
		return condition{}, fmt.Errorf("texts are equal or not, nothing else")
	}
	return condition{sql: column + " " + operator + " ?", args: []any{e.Value}}, nil
}

// roundTripCondition compares a round trip. An unknown one is neither long nor short.
func roundTripCondition(e filter.Compare, column string) (condition, error) {
	n, ok := filter.Microseconds(e.Value)
	operator, known := operators[e.Op], "f.client_rtt_us > 0 AND f.server_rtt_us > 0 AND "
	if !ok || operator == "" {
		return condition{}, fmt.Errorf("%q is no time to compare with", e.Value)
	}
	if e.Op == filter.NotEqual {
		return condition{sql: "(NOT (" + known + column + " = ?))", args: []any{int64(n)}}, nil
	}
	return condition{sql: "(" + known + column + " " + operator + " ?)", args: []any{int64(n)}}, nil
}

// addressCondition compares an address in one of the columns.
func addressCondition(e filter.Compare, columns ...string) (condition, error) {
	prefix, err := netip.ParsePrefix(e.Value)
	if err != nil {
		address, addressErr := netip.ParseAddr(e.Value)
		if addressErr != nil || address.Zone() != "" {
			return condition{}, fmt.Errorf("%q is no address", e.Value)
		}
		address = address.Unmap()
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	if e.Op == filter.Greater || e.Op == filter.Less {
		return condition{}, fmt.Errorf("addresses are equal or not, or under a prefix")
	}
	first := prefix.Masked().Addr()
	low := first.AsSlice()
	high := first.AsSlice()
	for bit := prefix.Bits(); bit < first.BitLen(); bit++ {
		high[bit/8] |= 0x80 >> (bit % 8)
	}
	var all condition
	var parts []string
	for _, column := range columns {
		parts = append(parts, "(octet_length("+column+") = ? AND "+column+" BETWEEN ? AND ?)")
		all.args = append(all.args, len(low), low, high)
	}
	all.sql = "(" + strings.Join(parts, " OR ") + ")"
	if e.Op == filter.NotEqual {
		all.sql = "(NOT " + all.sql + ")"
	}
	return all, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/filter"
)

// selection holds the flags that select flows.
type selection struct {
	where, not []string
	values     [len(selectors)][]string
}

// selectors are flags for fields of the filter language.
var selectors = [...]struct {
	flag  string
	field filter.Field
	help  string
}{
	{"app", filter.Application, "application, such as youtube"},
	{"protocol", filter.Protocol, "protocol, such as tls"},
	{"category", filter.Category, "category of the application"},
	{"device", filter.Device, "device of the LAN: its MAC address, IP address, or @ and its name"},
	{"host", filter.Host, "host name; *.example.org is example.org and all below it"},
	{"net", filter.Address, "address or network of either end, such as 10.0.0.0/8"},
	{"port", filter.Port, "the server's port"},
	{"direction", filter.Direction, "outbound, inbound, internal, transit, multicast, broadcast or unknown"},
	{"side", filter.Side, "side of either end: lan, wan, gateway, multicast, broadcast or unknown"},
	{"transport", filter.Transport, "tcp, udp or another IP protocol's name, or its number"},
	{"risk", filter.Risk, "a risk (weir catalog risks lists them)"},
}

// addFlags adds the flags; each may be repeated.
func (s *selection) addFlags(f *pflag.FlagSet) {
	for i, sel := range selectors {
		f.StringArrayVar(&s.values[i], sel.flag, nil, "only flows of this "+sel.help+"; may be repeated")
	}
	f.StringArrayVar(&s.where, "where", nil, "only flows that this filter selects")
	f.StringArrayVar(&s.not, "not", nil, "only flows that this filter does not select; may be repeated")
}

// expr returns the filter that the flags make together, nil for none.
func (s *selection) expr() (filter.Expr, error) {
	var all filter.And
	for i, sel := range selectors {
		var either filter.Or
		for _, value := range s.values[i] {
			e, err := parseFilter(sel.flag, string(sel.field)+":"+quote(value))
			if err != nil {
				return nil, err
			}
			either = append(either, e)
		}
		switch len(either) {
		case 0:
		case 1:
			all = append(all, either[0])
		default:
			all = append(all, either)
		}
	}
	for _, text := range s.where {
		e, err := parseFilter("where", text)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	for _, text := range s.not {
		e, err := parseFilter("not", text)
		if err != nil {
			return nil, err
		}
		all = append(all, filter.Not{Term: e})
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return all, nil
}

// parseFilter parses a flag's filter, which must not be empty.
func parseFilter(flag, text string) (filter.Expr, error) {
	e, err := filter.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	if e == nil {
		return nil, fmt.Errorf("--%s is empty; a filter is like app:youtube", flag)
	}
	return e, nil
}

// quote quotes a value for the filter language.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

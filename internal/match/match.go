// SPDX-License-Identifier: Apache-2.0

// Package match applies the filter language to flow records, with the meanings that the sink's store gives its fields.
package match

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Names reports whether the device with a MAC address, or without a known one with an IP address, calls itself name.
type Names func(name string, mac [6]byte, address netip.Addr) bool

// Filter selects flow records. It allocates nothing per record.
type Filter func(*record.Flow) bool

// Compile returns a filter. agent is the id of the agent whose records it sees, "" if unknown. names may be nil: then
// a filter of device names is an error.
func Compile(e filter.Expr, agent string, names Names) (Filter, error) {
	c := compiler{agent: agent, names: names}
	return c.expr(e)
}

type compiler struct {
	agent string
	names Names
}

func (c *compiler) expr(e filter.Expr) (Filter, error) {
	switch e := e.(type) {
	case nil:
		return func(*record.Flow) bool { return true }, nil
	case filter.And:
		all, err := c.list(e)
		return func(f *record.Flow) bool {
			return !slices.ContainsFunc(all, func(is Filter) bool { return !is(f) })
		}, err
	case filter.Or:
		all, err := c.list(e)
		return func(f *record.Flow) bool {
			return slices.ContainsFunc(all, func(is Filter) bool { return is(f) })
		}, err
	case filter.Not:
		return not(c.expr(e.Term))
	case filter.Compare:
		return c.compare(e)
	}
	return nil, fmt.Errorf("a filter of an unknown kind, %T", e)
}

func (c *compiler) list(terms []filter.Expr) ([]Filter, error) {
	all := make([]Filter, len(terms))
	for i, e := range terms {
		is, err := c.expr(e)
		if err != nil {
			return nil, err
		}
		all[i] = is
	}
	return all, nil
}

func not(is Filter, err error) (Filter, error) {
	return func(f *record.Flow) bool { return !is(f) }, err
}

func (c *compiler) compare(e filter.Compare) (Filter, error) {
	if e.Op == filter.NotEqual {
		e.Op = filter.Equal
		return not(c.compare(e))
	}
	switch e.Field {
	case filter.Port:
		return number(e, func(f *record.Flow) uint64 { return uint64(f.Server.Addr.Port()) })
	case filter.Bytes:
		return number(e, func(f *record.Flow) uint64 { return f.Client.Bytes + f.Server.Bytes })
	case filter.Retransmits, filter.OutOfOrder, filter.Resets, filter.ZeroWindows:
		return number(e, health[e.Field])
	case filter.RoundTrip:
		return roundTrip(e)
	case filter.Address:
		return address(e)
	case filter.Network:
		return network(e)
	case filter.Host:
		return host(e)
	}
	if e.Op != filter.Equal {
		return nil, fmt.Errorf("%s can only be compared for equality", e.Field)
	}
	switch e.Field {
	case filter.Device:
		return c.device(e.Value)
	case filter.Risk:
		return risk(e.Value)
	case filter.Side:
		return side(e.Value)
	case filter.Country, filter.ASN:
		return origin(e)
	case filter.Process, filter.Container:
		return process(e), nil
	case filter.Agent:
		isThis := e.Value == c.agent
		return func(*record.Flow) bool { return isThis }, nil
	}
	text, ok := texts[e.Field]
	if !ok {
		return nil, fmt.Errorf("a filter of an unknown field, %q", e.Field)
	}
	return func(f *record.Flow) bool { return text(f) == e.Value }, nil
}

// texts are the fields that are one text.
var texts = map[filter.Field]func(*record.Flow) string{
	filter.Application: func(f *record.Flow) string { return f.Application },
	filter.Protocol:    func(f *record.Flow) string { return f.Protocol },
	filter.Category:    func(f *record.Flow) string { return f.Category },
	filter.Direction:   func(f *record.Flow) string { return f.Direction.String() },
	filter.Method:      func(f *record.Flow) string { return f.Method.String() },
	filter.Transport:   func(f *record.Flow) string { return packet.ProtoName(f.Proto) },
}

func number(e filter.Compare, of func(*record.Flow) uint64) (Filter, error) {
	n, err := strconv.ParseUint(e.Value, 10, 63)
	if err != nil {
		return nil, fmt.Errorf("%q is no number to compare %s with", e.Value, e.Field)
	}
	switch e.Op {
	case filter.Equal:
		return func(f *record.Flow) bool { return of(f) == n }, nil
	case filter.Greater:
		return func(f *record.Flow) bool { return of(f) > n }, nil
	case filter.Less:
		return func(f *record.Flow) bool { return of(f) < n }, nil
	}
	return nil, fmt.Errorf("%s is a number, which is under nothing", e.Field)
}

// prefixOf returns the network that a comparison names; an address is a network of one.
func prefixOf(e filter.Compare) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(e.Value); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(e.Value)
	if err != nil || e.Op != filter.Equal && e.Op != filter.Under {
		return netip.Prefix{}, fmt.Errorf("%q is no address to compare %s with", e.Value, e.Field)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func address(e filter.Compare) (Filter, error) {
	p, err := prefixOf(e)
	return func(f *record.Flow) bool {
		return p.Contains(f.Client.Addr.Addr()) || p.Contains(f.Server.Addr.Addr())
	}, err
}

// network compares the remote end's network: a prefix that is longer than it holds no network.
func network(e filter.Compare) (Filter, error) {
	if e.Value == "" {
		return func(f *record.Flow) bool { return !remote(f).IsValid() }, nil
	}
	p, err := prefixOf(e)
	return func(f *record.Flow) bool {
		a := remote(f)
		return a.IsValid() && p.Contains(a)
	}, err
}

func host(e filter.Compare) (Filter, error) {
	name, below := []byte(e.Value), []byte("."+e.Value)
	switch e.Op {
	case filter.Equal:
		return func(f *record.Flow) bool { return bytes.Equal(f.Hostname, name) }, nil
	case filter.Under:
		return func(f *record.Flow) bool {
			return bytes.Equal(f.Hostname, name) || bytes.HasSuffix(f.Hostname, below)
		}, nil
	}
	return nil, fmt.Errorf("host is a name, which is neither more nor less than another")
}

// device compares the LAN's end: its MAC address, without one its IP address.
func (c *compiler) device(value string) (Filter, error) {
	if name, ok := strings.CutPrefix(value, "@"); ok {
		if c.names == nil {
			return nil, fmt.Errorf("device:%s: only a running weir knows the names of devices; compare with a MAC or "+
				"IP address", value)
		}
		return func(f *record.Flow) bool {
			end := local(f)
			return end != nil && c.names(name, end.MAC, end.Addr.Addr())
		}, nil
	}
	if value == "" {
		return func(f *record.Flow) bool { return local(f) == nil }, nil
	}
	if a, err := netip.ParseAddr(value); err == nil {
		return func(f *record.Flow) bool {
			end := local(f)
			return end != nil && end.MAC == [6]byte{} && end.Addr.Addr() == a
		}, nil
	}
	mac, err := net.ParseMAC(value)
	if err != nil || len(mac) != len([6]byte{}) {
		return nil, fmt.Errorf("device:%s is neither a MAC address nor an IP address", value)
	}
	return func(f *record.Flow) bool {
		end := local(f)
		return end != nil && end.MAC == [6]byte(mac)
	}, nil
}

func risk(value string) (Filter, error) {
	if value == "" {
		return func(f *record.Flow) bool { return f.Risks == 0 }, nil
	}
	for i, r := range record.RiskList() {
		if r.Slug == value {
			return func(f *record.Flow) bool { return f.Risks.Has(record.Risk(i)) }, nil
		}
	}
	return nil, fmt.Errorf("there is no risk %s; `weir catalog risks` lists them", value)
}

func side(value string) (Filter, error) {
	for s := record.SideUnknown; s <= record.SideBroadcast; s++ {
		if cmp.Or(s.String(), "unknown") == value {
			return func(f *record.Flow) bool { return f.Client.Side == s || f.Server.Side == s }, nil
		}
	}
	return nil, fmt.Errorf("there is no side %s", value)
}

// local returns the LAN's end, or nil.
func local(f *record.Flow) *record.Endpoint {
	switch record.SideLAN {
	case f.Client.Side:
		return &f.Client
	case f.Server.Side:
		return &f.Server
	}
	return nil
}

// remote returns the address of the end that is not the LAN's, if it is in the WAN or its side is unknown.
func remote(f *record.Flow) netip.Addr {
	end := &f.Server
	if local(f) == &f.Server {
		end = &f.Client
	}
	if end.Side == record.SideWAN || end.Side == record.SideUnknown {
		return end.Addr.Addr()
	}
	return netip.Addr{}
}

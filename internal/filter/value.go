// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// field describes a Field.
type field struct {
	name     Field
	aliases  []string
	expected string // the values, in words
	// canonical returns a value's canonical form.
	canonical func(value string) (string, bool)
}

const slugs = "a name of a-z, 0-9 and -, or \"\" for flows without one"

var fields = [...]field{
	{Application, []string{"application"}, slugs, optional(slug)},
	{Protocol, []string{"protocol"}, slugs, optional(slug)},
	{Category, nil, slugs, optional(slug)},
	{Device, []string{"dev"}, "a MAC or IP address, or @ and a name", optional(device)},
	{Host, []string{"hostname"}, "a host name, or *.name for it and all below it", optional(hostName)},
	{Address, nil, "an IP address, or a network such as 10.0.0.0/8", address},
	{Network, nil, "a network /24 of IPv4 or /48 of IPv6, or an address in it; ip takes any network",
		optional(network)},
	{Port, nil, "a number from 0 to 65535", number(1<<16 - 1)},
	{Direction, nil, "outbound, inbound, internal, transit, multicast, broadcast or unknown",
		oneOf("outbound", "inbound", "internal", "transit", "multicast", "broadcast", "unknown")},
	{Side, nil, "lan, wan, gateway, multicast, broadcast or unknown, of either end",
		oneOf("lan", "wan", "gateway", "multicast", "broadcast", "unknown")},
	{Agent, nil, "an agent's id of 32 hexadecimal digits, or @ and its name", agent},
	{Method, nil, "dpi, port or none", oneOf("dpi", "port", "none")},
	{Transport, nil, "tcp, udp, another IP protocol's name, or its number", transport},
	{Risk, []string{"risks"}, slugs, optional(slug)},
	{Bytes, nil, "a number of bytes, such as 1500, 10k, 5M or 2G", byteCount},
}

// Fields returns the fields in the order in which they are shown to people.
func Fields() []Field {
	names := make([]Field, len(fields))
	for i := range fields {
		names[i] = fields[i].name
	}
	return names
}

// FieldOf returns the field of a name, in any case, or of an alias.
func FieldOf(name string) (Field, bool) {
	name = strings.ToLower(name)
	for i := range fields {
		f := &fields[i]
		if string(f.name) == name {
			return f.name, true
		}
		for _, a := range f.aliases {
			if a == name {
				return f.name, true
			}
		}
	}
	return "", false
}

func find(name Field) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func fieldNames() string {
	var b strings.Builder
	for i := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(fields[i].name))
	}
	return b.String()
}

func expected(name Field) string { return find(name).expected }

func isNumeric(f Field) bool { return f == Port || f == Bytes }

// nearest suggests the field whose name is most like name, or nothing.
func nearest(name string) string {
	name = strings.ToLower(name)
	best, distance := Field(""), 3
	for i := range fields {
		for _, candidate := range append([]string{string(fields[i].name)}, fields[i].aliases...) {
			if d := editDistance(name, candidate); d < distance && d < len(candidate) {
				best, distance = fields[i].name, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return ", perhaps " + string(best)
}

// editDistance is Levenshtein's, of names of ASCII letters; names far too long count as far.
func editDistance(a, b string) int {
	if len(a) > 2*len(b)+2 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// compare returns the comparison of a field with a value as people write it.
func compare(name Field, op Op, value string) (Expr, bool) {
	canonical, ok := find(name).canonical(value)
	if !ok {
		return nil, false
	}
	under, isUnder := canonical, false
	switch name {
	case Host:
		under, isUnder = strings.CutPrefix(canonical, "*.")
	case Address:
		isUnder = strings.Contains(canonical, "/")
	}
	if !isUnder {
		return Compare{name, op, canonical}, true
	}
	if op == NotEqual {
		return Not{Compare{name, Under, under}}, true
	}
	return Compare{name, Under, under}, true
}

// search returns what a bare word searches: an address, or an application, host or device of that name. It returns nil
// for what none of these can have.
func search(word string) Expr {
	if e, ok := compare(Address, Equal, word); ok {
		return e
	}
	if _, err := net.ParseMAC(word); err == nil {
		if e, ok := compare(Device, Equal, word); ok {
			return e
		}
	}
	if word == "" || strings.HasPrefix(word, "@") {
		e, ok := compare(Device, Equal, word)
		if word == "" || !ok {
			return nil
		}
		return e
	}
	var or Or
	if e, ok := compare(Application, Equal, word); ok {
		or = append(or, e)
	}
	if e, ok := compare(Host, Equal, "*."+strings.TrimPrefix(word, "*.")); ok {
		or = append(or, e)
	}
	if e, ok := compare(Device, Equal, "@"+word); ok && !strings.HasPrefix(word, "*.") {
		or = append(or, e)
	}
	switch len(or) {
	case 0:
		return nil
	case 1:
		return or[0]
	}
	return or
}

// isAddressLike reports whether a word is an address, network or MAC address.
func isAddressLike(word string) bool {
	if _, ok := address(word); ok {
		return true
	}
	_, err := net.ParseMAC(word)
	return err == nil && len(word) == 17
}

// optional also allows "", of flows without the property.
func optional(canonical func(string) (string, bool)) func(string) (string, bool) {
	return func(value string) (string, bool) {
		if value == "" {
			return "", true
		}
		return canonical(value)
	}
}

const maxName = 253 // bytes of a host name (RFC 1035 section 2.3.4), and of the other names

// slug allows what record's schema calls a slug.
func slug(value string) (string, bool) {
	value = lower(value)
	if len(value) == 0 || len(value) > maxName || value[0] == '-' {
		return "", false
	}
	for i := range len(value) {
		if c := value[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return "", false
		}
	}
	return value, true
}

// lower is strings.ToLower of ASCII: other letters stay.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 0x20
		}
	}
	return string(b)
}

// named tells whether a value is one of @ and a name, and whether that can be one.
func named(value string) (isName, ok bool) {
	name, isName := strings.CutPrefix(value, "@")
	return isName, name != "" && len(name) <= maxName && strings.Trim(name, " ") == name
}

// device allows a MAC address, an IP address, and @ with a name, whose case stays.
func device(value string) (string, bool) {
	if isName, ok := named(value); isName {
		return value, ok
	}
	if a, ok := plainAddress(value); ok {
		return a, true
	}
	mac, err := net.ParseMAC(value)
	if err != nil || len(mac) != 6 {
		return "", false
	}
	return mac.String(), true
}

// hostName allows visible ASCII, as record's schema does. A * is allowed in front of a dot at the beginning only.
func hostName(value string) (string, bool) {
	value = strings.TrimSuffix(lower(value), ".")
	name := strings.TrimPrefix(value, "*.")
	if name == "" || name[0] == '.' || name[len(name)-1] == '.' || len(name) > maxName {
		return "", false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || c == '*' {
			return "", false
		}
	}
	return value, true
}

func plainAddress(value string) (string, bool) {
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" {
		return "", false
	}
	return a.Unmap().String(), true
}

func address(value string) (string, bool) {
	if !strings.Contains(value, "/") {
		return plainAddress(value)
	}
	p, err := netip.ParsePrefix(value)
	if err != nil || p.Addr().Is4In6() {
		return "", false
	}
	return p.Masked().String(), true
}

// The lengths of remote networks.
const (
	networkBits4 = 24
	networkBits6 = 48
)

func network(value string) (string, bool) {
	text, ok := address(value)
	if !ok {
		return "", false
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a := netip.MustParseAddr(text)
		p = netip.PrefixFrom(a, networkBits(a)).Masked()
	}
	return p.String(), p.Bits() == networkBits(p.Addr())
}

func networkBits(a netip.Addr) int {
	if a.Is4() {
		return networkBits4
	}
	return networkBits6
}

func number(most uint64) func(string) (string, bool) {
	return func(value string) (string, bool) {
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n > most {
			return "", false
		}
		return strconv.FormatUint(n, 10), true
	}
}

// maxBytes is the largest number that JavaScript holds exactly.
const maxBytes = 1<<53 - 1

// byteCount allows the suffixes k, M, G and T, in any case, which multiply by powers of 1,000.
func byteCount(value string) (string, bool) {
	factor := uint64(1)
	if n := len(value); n > 0 {
		for i, suffix := range "kmgt" {
			if rune(value[n-1]|0x20) == suffix {
				value = value[:n-1]
				for range i + 1 {
					factor *= 1000
				}
				break
			}
		}
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > maxBytes/factor {
		return "", false
	}
	return strconv.FormatUint(n*factor, 10), true
}

func oneOf(values ...string) func(string) (string, bool) {
	return func(value string) (string, bool) {
		value = lower(value)
		for _, v := range values {
			if v == value {
				return v, true
			}
		}
		return "", false
	}
}

func agent(value string) (string, bool) {
	if isName, ok := named(value); isName {
		return value, ok
	}
	value = lower(value)
	return value, len(value) == 32 && strings.Trim(value, "0123456789abcdef") == ""
}

// transports are the IP protocols that records name; the others have numbers there.
var transports = map[string]string{
	"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ah", "58": "icmpv6",
	"89": "ospf", "103": "pim", "112": "vrrp", "132": "sctp",
}

func transport(value string) (string, bool) {
	value = lower(value)
	for _, name := range transports {
		if value == name {
			return name, true
		}
	}
	n, ok := number(255)(value)
	if name, isNamed := transports[n]; isNamed {
		return name, true
	}
	return n, ok
}

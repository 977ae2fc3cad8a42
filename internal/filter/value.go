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
	isNumeric bool // > and < compare it
}

const counts = "a number of packets of both ends"

const slugs = "a name of a-z, 0-9 and -, or \"\" for flows without one"

var fields = [...]field{
	{name: Application, aliases: []string{"application"}, expected: slugs, canonical: optional(slug)},
	{name: Protocol, aliases: []string{"protocol"}, expected: slugs, canonical: optional(slug)},
	{name: Category, expected: slugs, canonical: optional(slug)},
	{name: Device, aliases: []string{"dev"}, expected: "a MAC or IP address, or @ and a name",
		canonical: optional(device)},
	{name: Host, aliases: []string{"hostname"}, expected: "a host name, or *.name for it and all below it",
		canonical: optional(hostName)},
	{name: Address, expected: "an IP address, or a network such as 10.0.0.0/8", canonical: address},
	{name: Network, expected: "a network /24 of IPv4 or /48 of IPv6, or an address in it; ip takes any network",
		canonical: optional(network)},
	{name: Port, expected: "a number from 0 to 65535", canonical: number(1<<16 - 1), isNumeric: true},
	{name: Direction, expected: "outbound, inbound, internal, transit, multicast, broadcast or unknown",
		canonical: oneOf("outbound", "inbound", "internal", "transit", "multicast", "broadcast", "unknown")},
	{name: Side, expected: "lan, wan, gateway, multicast, broadcast or unknown, of either end",
		canonical: oneOf("lan", "wan", "gateway", "multicast", "broadcast", "unknown")},
	{name: Agent, expected: "an agent's id of 32 hexadecimal digits, or @ and its name", canonical: agent},
	{name: Method, expected: "dpi, port or none", canonical: oneOf("dpi", "port", "none")},
	{name: Transport, expected: "tcp, udp, another IP protocol's name, or its number", canonical: transport},
	{name: Risk, aliases: []string{"risks"}, expected: slugs, canonical: optional(slug)},
	{name: Bytes, expected: "a number of bytes, such as 1500, 10k, 5M or 2G", canonical: byteCount, isNumeric: true},
	{name: Retransmits, expected: counts, canonical: number(maxBytes), isNumeric: true},
	{name: OutOfOrder, expected: counts, canonical: number(maxBytes), isNumeric: true},
	{name: Resets, expected: counts, canonical: number(maxBytes), isNumeric: true},
	{name: ZeroWindows, expected: counts, canonical: number(maxBytes), isNumeric: true},
	{name: RoundTrip, expected: "a time with its unit, us, ms or s, such as 100ms", canonical: duration,
		isNumeric: true},
	{name: Country, expected: "two letters of ISO 3166, or \"\" for flows without one", canonical: optional(country)},
	{name: ASN, expected: "a number, or @ and a name, or \"\" for flows without one", canonical: optional(asn)},
	{name: Process, expected: "a name, or the path of an executable, or \"\" for flows without one",
		canonical: optional(exact)},
	{name: Container, expected: "a container's id or name, or \"\" for flows without one",
		canonical: optional(container)},
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

// names lists the fields that are so, all with nil.
func names(is func(*field) bool) string {
	var b strings.Builder
	for i := range fields {
		if is != nil && !is(&fields[i]) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(fields[i].name))
	}
	return b.String()
}

func expected(name Field) string { return find(name).expected }

func isNumeric(f Field) bool { return find(f).isNumeric }

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

// units are those of times in microseconds, the largest first.
var units = [...]struct {
	name         string
	microseconds uint64
}{{"s", 1e6}, {"ms", 1e3}, {"us", 1}}

// Microseconds returns the number of microseconds of a time such as 100ms.
func Microseconds(value string) (uint64, bool) {
	value = lower(value)
	digits := strings.TrimRight(value, "mus")
	for _, u := range units {
		if value[len(digits):] == u.name {
			n, err := strconv.ParseUint(digits, 10, 64)
			return n * u.microseconds, err == nil && n <= maxBytes/u.microseconds
		}
	}
	return 0, false
}

// duration writes a time in the largest unit that divides it.
func duration(value string) (string, bool) {
	n, ok := Microseconds(value)
	for _, u := range units {
		if ok && (n%u.microseconds == 0 && n > 0 || u.microseconds == 1) {
			return strconv.FormatUint(n/u.microseconds, 10) + u.name, true
		}
	}
	return "", false
}

// country allows a code of two letters, in capitals as records have it.
func country(value string) (string, bool) {
	return strings.ToUpper(value), len(value) == 2 && isLetter(value[0]) && isLetter(value[1])
}

// asn allows a number (RFC 6793), also as AS64500, and @ with a name.
func asn(value string) (string, bool) {
	if isName, ok := named(value); isName {
		return value, ok
	}
	return number(1<<32 - 1)(strings.TrimPrefix(lower(value), "as"))
}

// exact allows any text; its case counts.
func exact(value string) (string, bool) { return value, true }

// container cuts a whole id to the digits that records have.
func container(value string) (string, bool) {
	if id := lower(value); len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
		return id[:12], true
	}
	return value, len(value) <= maxName
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

// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"bytes"
	"net/netip"
)

// haproxy-protocol: the PROXY protocol's header, which a proxy sends before what it forwards: version 1 in text, version 2
// in binary.
var _ = register(Protocol{
	Name:      "haproxy-protocol",
	Spec:      "HAProxy: The PROXY protocol, versions 1 & 2, §2",
	Category:  "network",
	Over:      TCP,
	Start:     Firsts("PROXY ", "\r\n"),
	MinLength: 8,
	Inspect:   inspectHAProxy,
})

const haproxySignature = "\r\n\r\n\x00\r\nQUIT\n"

func inspectHAProxy(c *Conversation, r *Result) Verdict {
	b := c.ToServer()
	if couldBe(b, haproxySignature) {
		return haproxyBinary(b, r)
	}
	const longest = 107 // §2.1, with CR LF
	line, _, whole := cutLine(b[:min(len(b), longest)])
	if !couldBe(b, "PROXY ") || len(line) == longest && !whole {
		return No
	}
	if !whole {
		return NeedMore
	}
	var words [6][]byte // PROXY, family, source, destination, their ports
	n := 0
	for rest := line; n < len(words) && rest != nil; n++ {
		words[n], rest, _ = bytes.Cut(rest, []byte{' '})
	}
	switch family := string(words[1]); {
	case family == "UNKNOWN":
		return Yes
	case family != "TCP4" && family != "TCP6", n < len(words), !isDigits(words[4]), !isDigits(words[5]):
		return No
	}
	o := r.Object("haproxy_protocol")
	o.Text("source", words[2])
	o.Text("destination", words[3])
	return Yes
}

// haproxyBinary reads version 2: signature, version and command, family, length, addresses.
func haproxyBinary(b []byte, r *Result) Verdict {
	const header = 16
	if len(b) < header {
		return NeedMore
	}
	if b[12]&^1 != 0x20 || b[13]>>4 > 3 || b[13]&15 > 2 {
		return No
	}
	o := r.Object("haproxy_protocol")
	size := [...]int{0, 4, 16, 0}[b[13]>>4] // none, IPv4, IPv6, UNIX
	if size > 0 && len(b) >= header+2*size {
		source, _ := netip.AddrFromSlice(b[header : header+size])
		destination, _ := netip.AddrFromSlice(b[header+size : header+2*size])
		o.Addr("source", source)
		o.Addr("destination", destination)
	}
	return Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// haproxy-protocol: the PROXY protocol's header, which a proxy sends before the forwarded stream: version 1 in text,
// version 2 in binary.
var haproxyProtocol = &dissect.Protocol{
	Name:      "haproxy-protocol",
	Spec:      "HAProxy: The PROXY protocol, versions 1 & 2, §2",
	Category:  "network",
	Over:      dissect.TCP,
	Start:     dissect.FirstBytes("PROXY ", "\r\n"),
	MinLength: 8,
	Extra:     12, // as TLS, which may be inside
	Members:   []string{"haproxy_protocol.destination", "haproxy_protocol.source", "http.*", "tls.*"},
	Inspect:   inspectHAProxy,
}

const haproxySignature = "\r\n\r\n\x00\r\nQUIT\n"

func inspectHAProxy(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.ToServer()
	if couldBe(b, haproxySignature) {
		return haproxyBinary(b, c.ToClient(), r)
	}
	const longest = 107 // §2.1, with CR LF
	line, _, whole := cutLine(b[:min(len(b), longest)])
	if !couldBe(b, "PROXY ") || len(line) == longest && !whole {
		return dissect.No
	}
	if !whole {
		return dissect.NeedMore
	}
	carried := b[bytes.IndexByte(b, '\n')+1:]
	var words [6][]byte // PROXY, family, source, destination, their ports
	n := 0
	for rest := line; n < len(words) && rest != nil; n++ {
		words[n], rest, _ = bytes.Cut(rest, []byte{' '})
	}
	switch family := string(words[1]); {
	case family == "UNKNOWN":
		return insideProxy(carried, c.ToClient(), r)
	case family != "TCP4" && family != "TCP6", n < len(words), !isDigits(words[4]), !isDigits(words[5]):
		return dissect.No
	}
	o := r.Object("haproxy_protocol")
	o.Text("source", words[2])
	o.Text("destination", words[3])
	return insideProxy(carried, c.ToClient(), r)
}

// haproxyBinary reads version 2: signature, version and command, family, length, addresses. With command LOCAL
// receivers ignore the family and all bytes after it (§2.2).
func haproxyBinary(b, toClient []byte, r *dissect.Result) dissect.Verdict {
	const header = 16
	if len(b) < header {
		return dissect.NeedMore
	}
	local := b[12] == 0x20
	if b[12]&^1 != 0x20 || !local && (b[13]>>4 > 3 || b[13]&15 > 2) {
		return dissect.No
	}
	end := header + be16(b[14:])
	if len(b) < end {
		return moreOrYes(len(b) < dissect.MaxStream)
	}
	carried := b[end:]
	if b = b[:end]; local {
		return insideProxy(carried, toClient, r)
	}
	o := r.Object("haproxy_protocol")
	// none, IPv4, IPv6, UNIX
	size, addresses := [...]int{0, 4, 16, 0}[b[13]>>4], [...]int{0, 4 + 4 + 4, 16 + 16 + 4, 108 + 108}[b[13]>>4]
	if size > 0 && len(b) >= header+2*size {
		source, _ := netip.AddrFromSlice(b[header : header+size])
		destination, _ := netip.AddrFromSlice(b[header+size : header+2*size])
		o.Addr("source", source)
		o.Addr("destination", destination)
	}
	if host := haproxyAuthority(b[min(len(b), header+addresses):]); host != nil {
		r.SetHost(host)
	}
	return insideProxy(carried, toClient, r)
}

// haproxyAuthority returns the host of the client's request (§2.2.2, PP2_TYPE_AUTHORITY), from fields of a type, a
// 2-byte length and a value; nil if absent.
func haproxyAuthority(b []byte) []byte {
	const authority, header, maxFields = 0x02, 3, 64
	for range maxFields {
		if len(b) < header || len(b) < header+be16(b[1:]) {
			return nil
		}
		end := header + be16(b[1:])
		if b[0] == authority {
			return b[header:end]
		}
		b = b[end:]
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// socks: SOCKS 4 and 4A, and SOCKS 5 (RFC 1928) with user name and password (RFC 1929). The host is the target's, or
// that of TLS or HTTP inside, whose metadata the record includes.
var socksProtocol = &dissect.Protocol{
	Name:      "socks",
	Spec:      "SOCKS Protocol Version 4; RFC 1928 §3-§6; RFC 1929",
	Category:  "network",
	Over:      dissect.TCP,
	Ports:     []uint16{1080, 9050},
	Start:     dissect.BytesOf(4, 5),
	MinLength: 3,
	Extra:     12, // as TLS, which may be inside
	Members: []string{"http.*", "socks.address", "socks.host", "socks.port", "socks.user", "socks.version",
		"tls.*"},
	Inspect: inspectSOCKS,
}

// socksMaxName bounds a SOCKS 4 user name or host, in bytes; both end at a zero byte.
const socksMaxName = 255

// Methods of SOCKS 5 (IANA SOCKS Methods). Clients offer one to four.
const (
	socksMaxMethods     = 16
	socksLastMethod     = 9
	socksPrivateMethods = 0x80
)

func inspectSOCKS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if len(toServer) < 3 {
		return dissect.NeedMore
	}
	switch toServer[0] {
	case 4:
		return socks4(toServer, toClient, r)
	case 5:
		return socks5(toServer, toClient, r)
	}
	return dissect.No
}

// socks4 reads the request (version, command, port, address, user name, 0, and for 4A host and 0) and the 8-byte reply.
func socks4(request, reply []byte, r *dissect.Result) dissect.Verdict {
	const header = 8
	if request[1] != 1 && request[1] != 2 || len(reply) >= 2 && (reply[0] != 0 || reply[1] < 90 || reply[1] > 93) {
		return dissect.No
	}
	if len(request) < header {
		return dissect.NeedMore
	}
	user, rest, ok := socksText(request[header:])
	if !ok {
		return socksUnended(request[header:])
	}
	address := netip.AddrFrom4([4]byte(request[4:8]))
	var host []byte
	if request[4] == 0 && request[5] == 0 && request[6] == 0 && request[7] != 0 {
		if host, rest, ok = socksText(rest); !ok {
			return socksUnended(rest)
		}
	}
	if len(reply) < header {
		return dissect.NeedMore // version and command alone prove too little
	}
	o := r.Object("socks")
	o.Int("version", 4)
	o.Text("user", user)
	socksTarget(o, host, address, be16(request[2:]), r)
	return insideProxy(rest, reply[header:], r)
}

// socksText splits off a text at its zero byte.
func socksText(b []byte) (text, rest []byte, ok bool) {
	end := bytes.IndexByte(b[:min(len(b), socksMaxName+1)], 0)
	if end < 0 || !isPrintable(b[:end]) {
		return nil, b, false
	}
	return b[:end], b[end+1:], true
}

func socksUnended(b []byte) dissect.Verdict {
	if len(b) > socksMaxName || bytes.IndexByte(b, 0) >= 0 || !isPrintable(b) {
		return dissect.No
	}
	return dissect.NeedMore
}

// socks5 reads the offered and chosen methods, and the request after them.
func socks5(client, server []byte, r *dissect.Result) dissect.Verdict {
	methods := int(client[1])
	if methods == 0 || methods > socksMaxMethods || len(server) > 0 && server[0] != 5 {
		return dissect.No
	}
	for _, m := range client[2:min(len(client), 2+methods)] {
		if m > socksLastMethod && m < socksPrivateMethods {
			return dissect.No
		}
	}
	if len(client) < 2+methods || len(server) < 2 {
		if len(client) > 2+methods {
			return dissect.No // clients wait for the answer
		}
		return dissect.NeedMore
	}
	offered, client := client[2:2+methods], client[2+methods:]
	chosen := server[1]
	if chosen != 0xff && bytes.IndexByte(offered, chosen) < 0 {
		return dissect.No
	}
	server = server[2:]
	o := r.Object("socks")
	const password = 2
	user := []byte(nil)
	if chosen == password {
		var ok bool
		if user, client, ok = socksLogin(client); !ok || len(server) < 2 {
			return socks5Undecided(methods, client)
		}
		server = server[2:]
		r.Risk(record.RiskCleartextCredentials)
	}
	const request = 4 // version, command, reserved, kind of address
	if len(client) < request {
		return socks5Undecided(methods, client)
	}
	if client[0] != 5 || client[1] == 0 || client[1] > 3 || client[2] != 0 {
		return dissect.No
	}
	host, address, port, size := socksAddress(client[3:])
	if size < 0 {
		return dissect.No
	}
	if size == 0 {
		return dissect.YesMore
	}
	o.Int("version", 5)
	o.Text("user", user)
	socksTarget(o, host, address, port, r)
	client = client[3+size:]
	if len(server) < request {
		return dissect.YesMore
	}
	if server[0] != 5 || server[1] != 0 {
		return dissect.Yes // refused
	}
	if _, _, _, size = socksAddress(server[3:]); size <= 0 {
		return dissect.YesMore
	}
	return insideProxy(client, server[3+size:], r)
}

// socks5Undecided is the verdict before the request. One method, offered and accepted, fixes 31 bits; a longer offer
// fixes more.
func socks5Undecided(methods int, client []byte) dissect.Verdict {
	if methods > 1 || len(client) > 0 && client[0] == 5 {
		return dissect.YesMore
	}
	return dissect.NeedMore
}

// socksLogin reads RFC 1929's version 1, user name and password.
func socksLogin(b []byte) (user, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != 1 || len(b) < 3+int(b[1]) {
		return nil, nil, false
	}
	user = b[2 : 2+b[1]]
	end := 3 + len(user) + int(b[2+len(user)])
	if len(b) < end {
		return nil, nil, false
	}
	return user, b[end:], true
}

// socksAddress reads kind, address and port (RFC 1928 §5); size is their length in bytes: 0 if incomplete, -1 if
// invalid.
func socksAddress(b []byte) (host []byte, address netip.Addr, port, size int) {
	if len(b) < 2 {
		return nil, netip.Addr{}, 0, 0
	}
	switch b[0] {
	case 1:
		size = 1 + 4 + 2
	case 3:
		size = 1 + 1 + int(b[1]) + 2
	case 4:
		size = 1 + 16 + 2
	default:
		return nil, netip.Addr{}, 0, -1
	}
	if len(b) < size {
		return nil, netip.Addr{}, 0, 0
	}
	if b[0] == 3 {
		host = b[2 : size-2]
	} else {
		address, _ = netip.AddrFromSlice(b[1 : size-2])
	}
	return host, address, be16(b[size-2:]), size
}

func socksTarget(o *dissect.Object, host []byte, address netip.Addr, port int, r *dissect.Result) {
	if host != nil {
		r.SetHost(host)
		o.Text("host", host)
	} else {
		o.Addr("address", address)
	}
	o.Int("port", int64(port))
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rip: versions 1 (RFC 1058 §3.1) and 2 (RFC 2453 §4).
var ripProtocol = &dissect.Protocol{
	Name: "rip", Spec: "RFC 2453 §4; RFC 1058 §3.1", Category: "routing",
	Members: []string{"rip.command", "rip.version"},
	Over:    dissect.UDP, Ports: []uint16{520}, Inspect: inspectRIP,
}

const (
	ripHeader, ripEntry = 4, 20
	// ripMaxEntries is RFC 2453 §4's limit, plus one for authentication.
	ripMaxEntries = 26
)

func inspectRIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	entries := (d.Length - ripHeader) / ripEntry
	if len(b) < ripHeader+ripEntry || (d.Length-ripHeader)%ripEntry != 0 && be16(b[4:]) != 0xffff ||
		entries > ripMaxEntries {
		return dissect.No
	}
	if b[0] == 0 || b[0] > 2 || b[1] != 1 && b[1] != 2 || be16(b[2:]) != 0 && b[1] == 1 {
		return dissect.No
	}
	// The first entry's address family: IP, authentication, or 0 in a request for all. Version 1 has zeros around the
	// address.
	family, metric := be16(b[4:]), be32(b[20:])
	if family != 2 && family != 0xffff && family != 0 || family != 0xffff && (metric < 0 || metric > 16) {
		return dissect.No
	}
	if b[1] == 1 && (be16(b[6:]) != 0 || be32(b[12:]) != 0 || be32(b[16:]) != 0) {
		return dissect.No
	}
	ripDescribe(r.Object("rip"), b)
	return dissect.Yes
}

func ripDescribe(o *dissect.Object, b []byte) {
	o.String("command", [...]string{1: "request", 2: "response"}[b[0]])
	o.Int("version", int64(b[1]))
}

// SPDX-License-Identifier: Apache-2.0

package dissect

// RIP versions 1 (RFC 1058 §3.1) and 2 (RFC 2453 §4).
var _ = register(Protocol{
	Name: "rip", Spec: "RFC 2453 §4; RFC 1058 §3.1", Category: "routing",
	Over: UDP, Ports: []uint16{520}, Inspect: inspectRIP,
})

// RIPng (RFC 2080 §2.1).
var _ = register(Protocol{
	Name: "ripng", Spec: "RFC 2080 §2.1", Category: "routing",
	Over: UDP, Ports: []uint16{521}, Inspect: inspectRIPng,
})

const (
	ripHeader, ripEntry = 4, 20
	// ripMaxEntries is RFC 2453 §4's limit, with one more for authentication.
	ripMaxEntries = 26
)

func inspectRIP(c *Conversation, r *Result) Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	entries := (d.Length - ripHeader) / ripEntry
	if len(b) < ripHeader+ripEntry || (d.Length-ripHeader)%ripEntry != 0 && be16(b[4:]) != 0xffff || entries > ripMaxEntries {
		return No
	}
	if b[0] == 0 || b[0] > 2 || b[1] != 1 && b[1] != 2 || be16(b[2:]) != 0 && b[1] == 1 {
		return No
	}
	// The first entry's address family: IP, authentication, or 0 in a request for all. Version 1 has zeros around the address.
	family, metric := be16(b[4:]), be32(b[20:])
	if family != 2 && family != 0xffff && family != 0 || family != 0xffff && (metric < 0 || metric > 16) {
		return No
	}
	if b[1] == 1 && (be16(b[6:]) != 0 || be32(b[12:]) != 0 || be32(b[16:]) != 0) {
		return No
	}
	ripDescribe(r.Object("rip"), b)
	return Yes
}

func ripDescribe(o *Object, b []byte) {
	o.String("command", [...]string{1: "request", 2: "response"}[b[0]])
	o.Int("version", int64(b[1]))
}

func inspectRIPng(c *Conversation, r *Result) Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < ripHeader+ripEntry || (d.Length-ripHeader)%ripEntry != 0 || b[0] == 0 || b[0] > 2 || b[1] != 1 || be16(b[2:]) != 0 {
		return No
	}
	const nextHop = 0xff
	if prefix, metric := b[ripHeader+18], b[ripHeader+19]; prefix > 128 || metric > 16 && metric != nextHop {
		return No
	}
	ripDescribe(r.Object("ripng"), b)
	return Yes
}

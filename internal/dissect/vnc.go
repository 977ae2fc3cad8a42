// SPDX-License-Identifier: Apache-2.0

package dissect

// vnc: the RFB protocol's versions (RFC 6143 §7.1.1) and security types (§7.1.2).
var _ = register(Protocol{
	Name:      "vnc",
	Spec:      "RFC 6143 §7.1",
	Category:  "remote-access",
	Over:      TCP,
	Ports:     []uint16{5900, 5901},
	Start:     Firsts("RFB "),
	MinLength: 4,
	Inspect:   inspectVNC,
})

const vncVersion = len("RFB 003.008\n")

func inspectVNC(c *Conversation, r *Result) Verdict {
	client, server := c.ToServer(), c.ToClient()
	if !vncCouldBe(client) || !vncCouldBe(server) {
		return No
	}
	if len(client) < vncVersion && len(server) < vncVersion {
		return NeedMore
	}
	o := r.Object("vnc")
	if len(server) >= vncVersion {
		o.Text("server_version", server[4:vncVersion-1])
	}
	if len(client) < vncVersion {
		return YesMore
	}
	o.Text("client_version", client[4:vncVersion-1])
	if len(server) <= vncVersion {
		return YesMore
	}
	if n := int(server[vncVersion]); n > 0 && len(server) >= vncVersion+1+n && string(client[4:11]) > "003.003" {
		Ints(o, "security_types", server[vncVersion+1:vncVersion+1+n])
	}
	return Yes
}

// vncCouldBe says whether b is the version message, or its start.
func vncCouldBe(b []byte) bool {
	const form = "RFB ddd.ddd\n"
	for i := range min(len(b), len(form)) {
		if form[i] == 'd' && (b[i] < '0' || b[i] > '9') || form[i] != 'd' && b[i] != form[i] {
			return false
		}
	}
	return true
}

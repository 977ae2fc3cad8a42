// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// vnc: the RFB protocol's versions (RFC 6143 §7.1.1) and security types (§7.1.2).
var vncProtocol = &dissect.Protocol{
	Name:      "vnc",
	Spec:      "RFC 6143 §7.1",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{5900, 5901},
	Start:     dissect.FirstBytes("RFB "),
	MinLength: 4,
	Members:   []string{"vnc.client_version", "vnc.security_types", "vnc.server_version"},
	Inspect:   inspectVNC,
}

const vncVersion = len("RFB 003.008\n")

func inspectVNC(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, server := c.ToServer(), c.ToClient()
	if !vncCouldBe(client) || !vncCouldBe(server) {
		return dissect.No
	}
	if len(client) < vncVersion && len(server) < vncVersion {
		return dissect.NeedMore
	}
	o := r.Object("vnc")
	if len(server) >= vncVersion {
		o.Text("server_version", server[4:vncVersion-1])
	}
	if len(client) < vncVersion {
		return dissect.YesMore
	}
	o.Text("client_version", client[4:vncVersion-1])
	if len(server) <= vncVersion {
		return dissect.YesMore
	}
	if n := int(server[vncVersion]); n > 0 && len(server) >= vncVersion+1+n && string(client[4:11]) > "003.003" {
		dissect.Ints(o, "security_types", server[vncVersion+1:vncVersion+1+n])
	}
	return dissect.Yes
}

// vncCouldBe reports whether b is the version message, or its start.
func vncCouldBe(b []byte) bool {
	const form = "RFB ddd.ddd\n"
	for i := range min(len(b), len(form)) {
		if form[i] == 'd' && (b[i] < '0' || b[i] > '9') || form[i] != 'd' && b[i] != form[i] {
			return false
		}
	}
	return true
}

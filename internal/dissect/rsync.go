// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// rsync: the daemon's greeting, which both sides send (rsync(5), rsyncd.conf(5); "@RSYNCD: 31.0").
var _ = register(Protocol{
	Name:      "rsync",
	Spec:      "rsync csprotocol.txt",
	Category:  "file-transfer",
	Over:      TCP,
	Ports:     []uint16{873},
	Start:     Firsts("@"),
	MinLength: 9,
	Inspect:   inspectRsync,
})

func inspectRsync(c *Conversation, r *Result) Verdict {
	const greeting = "@RSYNCD: "
	client, server := c.ToServer(), c.ToClient()
	if !couldBe(client, greeting) || !couldBe(server, greeting) {
		return No
	}
	first, _, whole := cutLine(c.First())
	if !whole || len(first) == len(greeting) || first[len(greeting)] < '0' || first[len(greeting)] > '9' {
		return NeedMore
	}
	o := r.Object("rsync")
	o.Text("version", first[len(greeting):])
	_, rest, _ := cutLine(client)
	module, _, whole := cutLine(rest)
	if !whole {
		return YesMore
	}
	o.Text("module", bytes.TrimSpace(module))
	return Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// rsync: the daemon's greeting, which both sides send (rsync(5), rsyncd.conf(5); "@RSYNCD: 31.0").
var rsyncProtocol = &dissect.Protocol{
	Name:      "rsync",
	Spec:      "rsync csprotocol.txt",
	Category:  "file-transfer",
	Over:      dissect.TCP,
	Ports:     []uint16{873},
	Start:     dissect.FirstBytes("@"),
	MinLength: 9,
	Members:   []string{"rsync.module", "rsync.version"},
	Inspect:   inspectRsync,
}

func inspectRsync(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const greeting = "@RSYNCD: "
	client, server := c.ToServer(), c.ToClient()
	if !couldBe(client, greeting) || !couldBe(server, greeting) {
		return dissect.No
	}
	first, _, whole := cutLine(c.First())
	if !whole || len(first) == len(greeting) || first[len(greeting)] < '0' || first[len(greeting)] > '9' {
		return dissect.NeedMore
	}
	o := r.Object("rsync")
	o.Text("version", first[len(greeting):])
	_, rest, _ := cutLine(client)
	module, _, whole := cutLine(rest)
	if !whole {
		return dissect.YesMore
	}
	o.Text("module", bytes.TrimSpace(module))
	return dissect.Yes
}

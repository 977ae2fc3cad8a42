// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// clickhouse: the native protocol's hello: packet 0, then a name after its length.
var clickhouseProtocol = &dissect.Protocol{
	Name:      "clickhouse",
	Spec:      "ClickHouse native protocol: Hello",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{9000},
	Start:     dissect.BytesOf(0),
	MinLength: 12,
	Members:   []string{"clickhouse.client"},
	Inspect:   inspectClickHouse,
}

func inspectClickHouse(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, asked := clickhouseName(c.ToServer())
	server, answered := clickhouseName(c.ToClient())
	if !asked || !answered {
		return dissect.No
	}
	if !bytes.Contains(client, []byte("ClickHouse")) && !bytes.Contains(client, []byte("clickhouse")) &&
		string(server) != "ClickHouse" {
		return dissect.NeedMore
	}
	o := r.Object("clickhouse")
	o.Text("client", client)
	return dissect.Yes
}

// clickhouseName reads a hello's name; nil if incomplete. ok is false if b holds no name.
func clickhouseName(b []byte) (name []byte, ok bool) {
	const longest = 64
	if len(b) < 2 {
		return nil, len(b) == 0 || b[0] == 0
	}
	n := int(b[1])
	if b[0] != 0 || n < 3 || n > longest {
		return nil, false
	}
	if len(b) < 2+n {
		return nil, isPrintable(b[2:])
	}
	return b[2 : 2+n], isPrintable(b[2 : 2+n])
}

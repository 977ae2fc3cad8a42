// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// tinc: the meta connection: each side begins with "0 name 17", where 17 is the protocol's major version.
var tincProtocol = &dissect.Protocol{
	Name: "tinc", Spec: "tinc manual §6.3", Category: "vpn",
	Over: dissect.TCP, Ports: []uint16{655}, Start: dissect.FirstBytes("0 "), MinLength: len("0 n 17\n"),
	Members: []string{"tinc.node"},
	Inspect: inspectTinc,
}

func inspectTinc(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	line, rest, whole := cutLine(c.First())
	if !whole {
		if len(line) > 300 || !couldBe(line, "0 ") {
			return dissect.No
		}
		return dissect.NeedMore
	}
	name, ok := tincIdentity(line)
	if !ok {
		return dissect.No
	}
	answer, _, whole := cutLine(c.Second())
	if _, ok := tincIdentity(answer); whole && !ok {
		return dissect.No
	}
	if !whole && !hasPrefix(rest, "1 ") { // the keys come next
		return dissect.NeedMore
	}
	r.Object("tinc").Text("node", name)
	return dissect.Yes
}

// tincIdentity reads "0 NAME 17" or, of version 1.1, "0 NAME 17.7".
func tincIdentity(line []byte) (name []byte, ok bool) {
	if !hasPrefix(line, "0 ") {
		return nil, false
	}
	name, version, _ := bytes.Cut(line[2:], []byte{' '})
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' {
			return nil, false
		}
	}
	return name, len(name) > 0 && (string(version) == "17" || hasPrefix(version, "17.") && len(version) <= len("17.99"))
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// checkmk: the agent's output, text sections that begin with this one (Checkmk manual, "monitoring agents").
var checkmkProtocol = &dissect.Protocol{
	Name: "checkmk", Spec: "Checkmk manual, agent output", Category: "system",
	Members: []string{"checkmk.version"},
	Over:    dissect.TCP, Ports: []uint16{6556}, Start: dissect.BytesOf('<'), MinLength: 8, Inspect: inspectCheckmk,
}

func inspectCheckmk(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const section, version = "<<<check_mk>>>\n", "Version: "
	b := c.First()
	if !couldBe(b, section) {
		return dissect.No
	}
	if len(b) < len(section) {
		return dissect.NeedMore
	}
	o := r.Object("checkmk")
	if rest := b[len(section):]; hasPrefix(rest, version) {
		if line, _, ok := bytes.Cut(rest[len(version):], []byte("\n")); ok {
			o.Text("version", line)
		}
	}
	return dissect.Yes
}

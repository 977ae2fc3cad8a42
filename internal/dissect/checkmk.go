// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Checkmk: the agent sends sections of text, this one first (Checkmk manual, "monitoring agents").
var _ = register(Protocol{
	Name: "checkmk", Spec: "Checkmk manual, agent output", Category: "system",
	Over: TCP, Ports: []uint16{6556}, Start: Of('<'), MinLength: 8, Inspect: inspectCheckmk,
})

func inspectCheckmk(c *Conversation, r *Result) Verdict {
	const section, version = "<<<check_mk>>>\n", "Version: "
	b := c.First()
	if !couldBe(b, section) {
		return No
	}
	if len(b) < len(section) {
		return NeedMore
	}
	o := r.Object("checkmk")
	if rest := b[len(section):]; hasPrefix(rest, version) {
		if line, _, ok := bytes.Cut(rest[len(version):], []byte("\n")); ok {
			o.Text("version", line)
		}
	}
	return Yes
}

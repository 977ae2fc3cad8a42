// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// vtun: VTun's virtual tunnel, from the server's greeting.
var _ = register(Protocol{
	Name:      "vtun",
	Spec:      "VTun: authentication as publicly described (vtund(8))",
	Category:  "vpn",
	Over:      TCP,
	Ports:     []uint16{5000},
	Start:     Firsts(vtunGreeting),
	MinLength: len(vtunGreeting),
	Inspect:   inspectVTun,
})

const vtunGreeting = "VTUN server ver "

func inspectVTun(c *Conversation, r *Result) Verdict {
	b := c.First()
	if !couldBe(b, vtunGreeting) {
		return No
	}
	line, _, whole := cutLine(b[:min(len(b), MaxText)])
	if len(b) < len(vtunGreeting) || !whole && len(b) < MaxText {
		return NeedMore
	}
	o := r.Object("vtun")
	o.Text("version", bytes.TrimRight(line[len(vtunGreeting):], "\x00"))
	if host, ok := bytes.CutPrefix(c.Second(), []byte("HOST: ")); ok {
		name, _, _ := cutLine(host)
		o.Text("host", name)
		return Yes
	}
	return YesMore
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// vtun: VTun's virtual tunnel, by the server's greeting.
var vtunProtocol = &dissect.Protocol{
	Name:      "vtun",
	Spec:      "VTun: authentication as publicly described (vtund(8))",
	Category:  "vpn",
	Over:      dissect.TCP,
	Ports:     []uint16{5000},
	Start:     dissect.FirstBytes(vtunGreeting),
	MinLength: len(vtunGreeting),
	Members:   []string{"vtun.host", "vtun.version"},
	Inspect:   inspectVTun,
}

const vtunGreeting = "VTUN server ver "

func inspectVTun(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !couldBe(b, vtunGreeting) {
		return dissect.No
	}
	line, _, whole := cutLine(b[:min(len(b), dissect.MaxText)])
	if len(b) < len(vtunGreeting) || !whole && len(b) < dissect.MaxText {
		return dissect.NeedMore
	}
	o := r.Object("vtun")
	o.Text("version", bytes.TrimRight(line[len(vtunGreeting):], "\x00"))
	if host, ok := bytes.CutPrefix(c.Second(), []byte("HOST: ")); ok {
		name, _, _ := cutLine(host)
		o.Text("host", name)
		return dissect.Yes
	}
	return dissect.YesMore
}

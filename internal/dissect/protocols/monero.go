// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// monero: Levin, the protocol between peers, by its magic number.
var moneroProtocol = &dissect.Protocol{
	Name: "monero", Spec: "Monero: Levin protocol", Category: "crypto-currency",
	Over: dissect.TCP, Ports: []uint16{18080}, Start: dissect.FirstBytes(levinMagic), MinLength: levinHeader,
	Members: []string{"monero.command"},
	Inspect: inspectLevin,
}

const (
	levinMagic = "\x01\x21\x01\x01\x01\x01\x01\x01"
	// levinHeader is magic number, length of the body, whether the sender wants an answer, command, result, flags,
	// version.
	levinHeader = 8 + 8 + 1 + 4 + 4 + 4 + 4
)

func inspectLevin(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	switch {
	case !couldBe(b, levinMagic):
		return dissect.No
	case len(b) < levinHeader:
		return dissect.NeedMore
	case b[16] > 1 || le32(b[29:]) != 1:
		return dissect.No
	}
	r.Object("monero").Int("command", int64(le32(b[17:])))
	return dissect.Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// fins: Omron's Factory Interface Network Service, over UDP and after its own header over TCP.
var finsProtocol = &dissect.Protocol{
	Name:      "fins",
	Spec:      "Omron W342 (FINS commands), W421 §7-4 (FINS/TCP)",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{9600},
	Start:     dissect.BytesOf('F', 0x80, 0x81, 0xc0, 0xc1),
	MinLength: finsHeader + 2,
	Members:   []string{"fins.command", "fins.tcp_command"},
	Inspect:   inspectFINS,
}

const (
	finsHeader = 10 // control, reserved, gateways, destination (3), source (3), service; then the command in two bytes
	finsTCP    = 16 // "FINS", length of the rest, command, error
)

func inspectFINS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.TCP {
		if len(b) < finsTCP {
			return moreIf(couldBe(b, "FINS"))
		}
		if !hasPrefix(b, "FINS") || be32(b[4:]) < 8 || be32(b[4:]) > 1<<16 || be32(b[8:]) > 6 {
			return dissect.No
		}
		r.Object("fins").Int("tcp_command", int64(be32(b[8:])))
		return dissect.Yes
	}
	if !finsFrame(b) {
		return dissect.No
	}
	command := be16(b[finsHeader:])
	alone := 0 // one datagram fixes some 34 bits, but 24 of them are so common that a second must confirm
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if !finsFrame(d.Payload) {
			return dissect.No
		}
		if d.FromClient == c.Datagrams[0].FromClient {
			alone++
		} else if string(d.Payload[3:6]) == string(b[6:9]) && be16(d.Payload[finsHeader:]) == command {
			alone += 2
		}
	}
	if alone < 2 && !c.HasPort(9600) {
		return dissect.NeedMore
	}
	r.Object("fins").Int("command", int64(command))
	return dissect.Yes
}

// finsFrame checks a header: reserved zero, at most 7 gateways, networks up to 127, and a defined command.
func finsFrame(b []byte) bool {
	if len(b) < finsHeader+2 || b[0]&0x3e != 0 || b[0]&0x80 == 0 || b[1] != 0 || b[2] > 7 || b[3] > 127 || b[6] > 127 {
		return false
	}
	switch b[10] {
	case 0x01: // memory areas
		return b[11] >= 1 && b[11] <= 5
	case 0x02: // parameters
		return b[11] >= 1 && b[11] <= 3
	case 0x03: // programs
		return b[11] >= 4 && b[11] <= 8
	case 0x04: // run, stop
		return b[11] == 1 || b[11] == 2
	case 0x05: // controller data
		return b[11] == 1 || b[11] == 2
	case 0x06, 0x07, 0x08, 0x09, 0x0c, 0x21:
		return b[11] >= 1 && b[11] <= 0x41
	case 0x22: // files
		return b[11] >= 1 && b[11] <= 0x20
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// teamviewer: its own framing: 0x1724, command, length (little endian), over TCP, and after 11 bytes over UDP; later
// 0x1130 with a longer header.
var teamviewerProtocol = &dissect.Protocol{
	Name:      "teamviewer",
	Spec:      "TeamViewer, as observed",
	Category:  "remote-access",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{5938},
	Start:     dissect.BytesOf(0, 0x17, 0x11),
	MinLength: teamviewerHeader,
	Inspect:   inspectTeamViewer,
}

const (
	teamviewerHeader   = 5
	teamviewerEnvelope = 11 // 8 bytes of zero at first, counter (2), kind
	teamviewerMagic    = 0x1724
)

func inspectTeamViewer(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.UDP {
		return teamviewerDatagram(&c.Datagrams[0])
	}
	const old, now = teamviewerMagic, 0x1130
	first, second := c.First(), c.Second()
	if len(first) < teamviewerHeader {
		return dissect.NeedMore
	}
	if be16(first) != old {
		return dissect.No
	}
	next := teamviewerHeader + le16(first[3:])
	if len(first) >= next+2 {
		if magic := be16(first[next:]); magic != old && magic != now {
			return dissect.No
		}
		return dissect.Yes // two frames that follow one another exactly
	}
	if len(second) < 2 {
		return dissect.NeedMore
	}
	if magic := be16(second); magic != old && magic != now {
		return dissect.No
	}
	return dissect.Yes
}

// teamviewerDatagram wants a frame that fills the datagram exactly after an envelope that begins with zeros.
func teamviewerDatagram(d *dissect.Datagram) dissect.Verdict {
	b := d.Payload
	if len(b) < teamviewerEnvelope+teamviewerHeader || be32(b) != 0 || be32(b[4:]) != 0 {
		return dissect.No
	}
	frame := b[teamviewerEnvelope:]
	if be16(frame) != teamviewerMagic || teamviewerEnvelope+teamviewerHeader+le16(frame[3:]) != d.Length {
		return dissect.No
	}
	return dissect.Yes
}

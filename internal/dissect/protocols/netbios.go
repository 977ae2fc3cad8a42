// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// netbiosMembers are those of all NetBIOS services.
var netbiosMembers = []string{"netbios.caller", "netbios.name", "netbios.node_status", "netbios.operation",
	"netbios.suffix"}

// NetBIOS name service over UDP (RFC 1002 §4.2).
var netbiosNameProtocol = &dissect.Protocol{
	Name: "netbios", Spec: "RFC 1002 §4.2", Category: "network",
	Members: netbiosMembers,
	Over:    dissect.UDP, Ports: []uint16{137}, Inspect: inspectNetBIOSName,
}

// NetBIOS datagram service over UDP (RFC 1002 §4.4).
var netbiosDatagramProtocol = &dissect.Protocol{
	Name: "netbios", Spec: "RFC 1002 §4.4", Category: "network",
	Members: netbiosMembers,
	Over:    dissect.UDP, Ports: []uint16{138}, Inspect: inspectNetBIOSDatagram,
}

// NetBIOS session service over TCP (RFC 1002 §4.3): its set-up. Sessions mostly carry SMB; see smb.go.
var netbiosSessionProtocol = &dissect.Protocol{
	Name: "netbios", Spec: "RFC 1002 §4.3", Category: "network",
	Over: dissect.TCP, Ports: []uint16{139}, Start: dissect.BytesOf(0x81), MinLength: 72,
	Members: netbiosMembers,
	Inspect: inspectNetBIOSSession,
}

// netbiosEncoded is the length of a first-level encoded name with its length byte: two letters per byte of the 16-byte
// name.
const netbiosEncoded = 1 + 32

// netbiosName decodes the first-level encoded name (RFC 1001 §14.1) at the start of b into out, without padding and
// suffix, and returns the suffix, the kind of service under the name.
func netbiosName(b []byte, out *[15]byte) (name []byte, suffix byte, ok bool) {
	if len(b) < netbiosEncoded || b[0] != 32 {
		return nil, 0, false
	}
	var raw [16]byte
	for i := range raw {
		high, low := b[1+2*i]-'A', b[2+2*i]-'A'
		if high > 15 || low > 15 {
			return nil, 0, false
		}
		raw[i] = high<<4 | low
	}
	copy(out[:], raw[:15])
	return bytes.TrimRight(out[:], " \x00"), raw[15], true
}

// netbiosOperations names the operations by opcode, RFC 1002 §4.2.1.1 (9 is a refresh too, by a slip in §4.2.4).
var netbiosOperations = [16]string{0: "query", 5: "registration", 6: "release", 7: "wait", 8: "refresh", 9: "refresh",
	15: "registration"}

func inspectNetBIOSName(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header = 12
	b := c.First()
	if len(b) < header+netbiosEncoded+5 {
		return dissect.No
	}
	operation := netbiosOperations[be16(b[2:])>>11&15]
	questions, records := be16(b[4:]), be16(b[6:])+be16(b[8:])+be16(b[10:])
	if operation == "" || questions+records == 0 || questions > 1 || records > 4 {
		return dissect.No
	}
	var store [15]byte
	name, suffix, ok := netbiosName(b[header:], &store)
	if !ok {
		return dissect.No
	}
	end := bytes.IndexByte(b[header+netbiosEncoded:], 0) // the scope's labels; most names have none
	at := header + netbiosEncoded + end + 1
	if end < 0 || at+4 > len(b) {
		return dissect.No
	}
	kind := be16(b[at:])
	if (kind != 0x20 && kind != 0x21 && kind != 0x0a && kind != 0x02 && kind != 0x01) || be16(b[at+2:]) != 1 {
		return dissect.No
	}
	o := r.Object("netbios")
	if !bytes.Equal(name, []byte("*")) {
		r.SetHost(name)
		o.Text("name", name)
	}
	o.Int("suffix", int64(suffix))
	o.String("operation", operation)
	if kind == 0x21 {
		o.Bool("node_status", true)
	}
	return dissect.Yes
}

func inspectNetBIOSDatagram(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header = 10 // type, flags, identifier, source address and port
	b := c.First()
	if len(b) < header+4 || b[0] < 0x10 || b[0] > 0x16 || b[1]&0xf0 != 0 {
		return dissect.No
	}
	if b[0] == 0x13 { // an error has its code after the header
		if len(b) == header+1 && b[header] >= 0x82 && b[header] <= 0x84 {
			return dissect.Yes
		}
		return dissect.No
	}
	at := header
	if b[0] <= 0x12 { // direct and broadcast datagrams have length and offset too
		at += 4
	}
	if len(b) < at+netbiosEncoded+1 {
		return dissect.No
	}
	var store [15]byte
	name, suffix, ok := netbiosName(b[at:], &store)
	if !ok {
		return dissect.No
	}
	o := r.Object("netbios")
	r.SetHost(name)
	o.Text("name", name)
	o.Int("suffix", int64(suffix))
	o.String("operation", "datagram")
	return dissect.Yes
}

func inspectNetBIOSSession(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const request = 4 + 2*(netbiosEncoded+1)
	b := c.First()
	if c.Midstream && len(b) >= 4 && b[0] == 0x85 && be24(b[1:]) == 0 && c.HasPort(139) { // keep-alive
		return dissect.NeedMore
	}
	if len(b) < request {
		return dissect.NeedMore
	}
	var called, calling [15]byte
	name, suffix, ok := netbiosName(b[4:], &called)
	if !ok || b[0] != 0x81 || b[1] > 1 || be16(b[2:]) < request-4 {
		return dissect.No
	}
	from, _, ok := netbiosName(b[4+netbiosEncoded+1:], &calling)
	if !ok {
		return dissect.No
	}
	after := 4 + be16(b[2:])
	if reply := c.Second(); !c.Last && (len(reply) == 0 || reply[0] == 0x82 && len(b) <= after+8) {
		return dissect.NeedMore // the session may carry SMB, which then names the flow
	}
	if len(b) >= after+8 && hasPrefix(b[after+5:], "SMB") {
		return dissect.No
	}
	o := r.Object("netbios")
	r.SetHost(name)
	o.Text("name", name)
	o.Int("suffix", int64(suffix))
	o.Text("caller", from)
	o.String("operation", "session")
	return dissect.Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// gtp-c, gtp-u and gtp-prime: the control planes of versions 1 and 2, user-plane signalling, and charging (GTP'). They
// share a header, so the port distinguishes them, and the header must be sound. User data is a tunnel, which package
// packet decodes.
var gtpCProtocol = &dissect.Protocol{
	Name: "gtp-c", Also: []string{"gtp-u", "gtp-prime"},
	Spec: "3GPP TS 29.060 §6; TS 29.274 §5; TS 29.281 §5; TS 32.295 §6", Category: "network",
	Over: dissect.UDP, Ports: []uint16{gtpControl, gtpUser, gtpCharging}, MinLength: 6,
	Members: []string{"gtp.message_type", "gtp.version"},
	Inspect: inspectGTP,
}

const (
	gtpControl  = 2123
	gtpUser     = 2152
	gtpCharging = 3386
	// gtpHeader is the minimum length except for GTP'; optional parts and extensions count as contents.
	gtpHeader = 8
)

func inspectGTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	b := d.Payload
	if len(b) < 6 {
		return dissect.No
	}
	const protocolType = 0x10 // 0: GTP'
	version, ok := b[0]>>5, false
	switch {
	case version == 2 && c.HasPort(gtpControl):
		ok = isGTPv2(b, d.Length)
	case version == 1 && b[0]&protocolType != 0 && (c.HasPort(gtpControl) || c.HasPort(gtpUser)):
		ok = isGTPv1(b, d.Length, c.HasPort(gtpUser))
		if c.HasPort(gtpUser) {
			r.SetProtocol("gtp-u")
		}
	case version < 3 && b[0]&protocolType == 0 && c.HasPort(gtpCharging):
		ok = isGTPPrime(b, d.Length)
		r.SetProtocol("gtp-prime")
	}
	if !ok {
		return dissect.No
	}
	o := r.Object("gtp")
	o.Int("version", int64(version))
	o.Int("message_type", int64(b[1]))
	return dissect.Yes
}

// isGTPv1 checks a header of version 1: its length, and a message type of the plane.
func isGTPv1(b []byte, length int, user bool) bool {
	const optional, sequence, header = 0x07, 0x02, gtpHeader
	if len(b) < header || be16(b[2:]) != length-header { // receivers ignore spare bits
		return false
	}
	if b[0]&optional != 0 && length < header+4 {
		return false // sequence number, N-PDU number, next extension: present together
	}
	kind := b[1]
	if user {
		return isGTPUserMessage(kind)
	}
	switch {
	case kind >= 1 && kind <= 7, kind >= 16 && kind <= 37, kind >= 48 && kind <= 61, kind >= 70 && kind <= 71,
		kind >= 96 && kind <= 105, kind >= 112 && kind <= 121, kind == 128 || kind == 129:
		return b[0]&sequence != 0 // "shall be used" for control messages
	}
	return false
}

// isGTPv2 checks a header of version 2 and walks its information elements: type, length, spare and instance. Another
// message may follow ("piggybacked").
func isGTPv2(b []byte, length int) bool {
	const piggybacked, endpoint, header = 0x10, 0x08, 4
	if len(b) < header || b[1] == 0 || b[0]&piggybacked == 0 && be16(b[2:]) != length-header {
		return false
	}
	at, end := header+4, header+be16(b[2:])
	if b[0]&endpoint != 0 {
		at += 4
	} else if b[1] > 3 {
		return false // only echo and "version not supported" go without
	}
	if end > length || at > end || len(b) < at {
		return false
	}
	const element, maxElements = 4, 256
	for n := 0; n < maxElements && at < end; n++ {
		if at+element > len(b) {
			return len(b) < length
		}
		if b[at] == 0 {
			return false
		}
		at += element + be16(b[at+1:])
	}
	return at == end
}

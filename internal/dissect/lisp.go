// SPDX-License-Identifier: Apache-2.0

package dissect

// Locator/ID Separation Protocol: data packets (RFC 9300 §5) and control messages (RFC 9301 §5).
var _ = register(Protocol{
	Name: "lisp", Spec: "RFC 9300 §5.3; RFC 9301 §5", Category: "vpn",
	Over: UDP, Ports: []uint16{4341, 4342}, Inspect: inspectLISP,
})

// Map servers and tunnel routers also keep a session over TCP (draft-ietf-lisp-map-server-reliable-transport §5).
var _ = register(Protocol{
	Name: "lisp", Spec: "draft-ietf-lisp-map-server-reliable-transport §5", Category: "vpn",
	Over: TCP, Ports: []uint16{4342}, Start: Of(0), MinLength: lispSessionHeader + len(lispEndMarker), Inspect: inspectLISPSession,
})

const (
	lispSessionHeader = 8 // type, length of all, message identifier
	lispEndMarker     = "\x9f\xac\xad\xe9"
)

func inspectLISPSession(c *Conversation, r *Result) Verdict {
	const firstType, lastType = 16, 32
	b := c.First()
	if len(b) < lispSessionHeader {
		return NeedMore
	}
	kind, length := be16(b), be16(b[2:])
	if kind < firstType || kind > lastType || length < lispSessionHeader+len(lispEndMarker) {
		return No
	}
	if len(b) < length {
		return NeedMore
	}
	if string(b[length-len(lispEndMarker):length]) != lispEndMarker {
		return No
	}
	r.Object("lisp").String("message", "session")
	return Yes
}

func inspectLISP(c *Conversation, r *Result) Verdict {
	const dataHeader = 8
	b := c.First()
	if len(b) < dataHeader {
		return No
	}
	o := r.Object("lisp")
	if c.HasPort(4342) {
		kind := lispControl(b)
		o.String("message", kind)
		return verdictIf(kind != "")
	}
	// The reserved flag is 0, map versions (V) exclude nonce (N), and the packet inside begins with its version.
	const nonce, version, reserved = 0x80, 0x10, 0x07
	if b[0]&reserved != 0 || b[0]&nonce != 0 && b[0]&version != 0 || len(b) < dataHeader+20 {
		return No
	}
	if inner := b[dataHeader]; inner>>4 != 6 && inner&^15 != 0x40 || inner>>4 == 4 && inner&15 < 5 {
		return No
	}
	o.String("message", "data")
	return Yes
}

// lispControl is the name of a control message whose type and counts fit, else "".
func lispControl(b []byte) string {
	const header = 12 // type and flags, count, nonce
	if len(b) < header {
		return ""
	}
	records := int(b[3])
	switch b[0] >> 4 {
	case 1:
		if len(b) > header+8 && records > 0 && b[1]&0x3f == 0 {
			return "map-request"
		}
	case 2:
		if records > 0 && b[1] == 0 && b[2] == 0 {
			return "map-reply"
		}
	case 3:
		if records > 0 && len(b) > header+4 {
			return "map-register"
		}
	case 4:
		if len(b) >= header+4 && b[1] == 0 {
			return "map-notify"
		}
	case 8:
		if len(b) > 4+20 && b[1] == 0 && b[2] == 0 && b[3] == 0 && (b[4]>>4 == 4 || b[4]>>4 == 6) {
			return "encapsulated"
		}
	}
	return ""
}

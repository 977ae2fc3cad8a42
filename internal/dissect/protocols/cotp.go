// SPDX-License-Identifier: Apache-2.0

package protocols

// ISO transport over TCP, under S7 and MMS: TPKT (RFC 1006 §6) with X.224 class 0 (§13) inside.

const (
	tpktHeader  = 4 // version 3, reserved, length with this header
	cotpRequest = 0xe0
	cotpConfirm = 0xd0
	cotpData    = 0xf0
	cotpPackets = 32 // read in each direction
)

// cutCOTP splits the first packet off b: its X.224 code, the bytes after the X.224 header, and the rest of b. whole is
// false if the packet is incomplete, ok false if b begins with no packet.
func cutCOTP(b []byte) (code byte, data, rest []byte, whole, ok bool) {
	if len(b) < tpktHeader+3 {
		return 0, nil, nil, false, couldBe(b[:min(len(b), 2)], "\x03\x00")
	}
	length, header := be16(b[2:]), int(b[4])
	if b[0] != 3 || b[1] != 0 || length < tpktHeader+3 || header < 2 || tpktHeader+1+header > length {
		return 0, nil, nil, false, false
	}
	code = b[5]
	switch code {
	case cotpData:
		if header != 2 || b[6]&0x7f != 0 { // the end mark, and number 0 in class 0
			return 0, nil, nil, false, false
		}
	case cotpRequest, cotpConfirm, 0x80: // 0x80: disconnect
	default:
		return 0, nil, nil, false, false
	}
	if len(b) < length {
		return code, nil, nil, false, true
	}
	return code, b[tpktHeader+1+header : length], b[length:], true, true
}

// firstCOTPData returns the first user data of the stream b; nil and true if it has not arrived yet, nil and false if
// it can't.
func firstCOTPData(b []byte) (data []byte, ok bool) {
	for range cotpPackets {
		code, data, rest, whole, ok := cutCOTP(b)
		if !ok || !whole {
			return nil, ok
		}
		if code == cotpData && len(data) > 0 {
			return data, true
		}
		b = rest
	}
	return nil, false
}

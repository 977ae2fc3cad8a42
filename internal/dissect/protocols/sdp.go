// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// maxSDPMedia bounds the announced media of one description: each is two flows, and Result holds MaxList of them.
const maxSDPMedia = dissect.MaxList / 2

// sdpMedia is one m= line of a session description with its address.
type sdpMedia struct {
	port, rtcp int
	rtp        bool
	address    netip.Addr
}

// expectSDP announces the RTP and RTCP flows of a session description (RFC 8866 §5; RFC 3605 for RTCP's port). Media
// with ICE (RFC 8839) use other ports or begin with STUN, so expectSDP announces none of them.
func expectSDP(b []byte, r *dissect.Result) {
	var session netip.Addr
	var m sdpMedia
	media := 0
	for range maxLines {
		line, rest, whole := cutLine(b)
		if len(line) < 2 || line[1] != '=' {
			break
		}
		value := line[2:]
		switch {
		case line[0] == 'c' && media == 0:
			session = sdpAddress(value)
		case line[0] == 'c':
			m.address = sdpAddress(value)
		case line[0] == 'm':
			m.expect(r)
			if media++; media > maxSDPMedia {
				return
			}
			m = sdpMediaLine(value, session)
		case hasPrefix(line, "a=rtcp:"):
			m.rtcp, _, _ = ftpNumber(value[len("rtcp:"):])
		case hasPrefix(line, "a=rtcp-mux"):
			m.rtcp = 0
		case hasPrefix(line, "a=ice-ufrag:"):
			return
		}
		if b = rest; !whole {
			break
		}
	}
	m.expect(r)
}

// sdpMediaLine reads "audio 49170 RTP/AVP 0".
func sdpMediaLine(value []byte, session netip.Addr) sdpMedia {
	_, rest, _ := bytes.Cut(value, []byte{' '})
	port, rest, ok := ftpNumber(rest)
	if !ok || port > 0xffff {
		return sdpMedia{}
	}
	_, profile, _ := bytes.Cut(rest, []byte{' '})
	return sdpMedia{port: port, rtcp: port + 1, rtp: hasPrefix(profile, "RTP/"), address: session}
}

// sdpAddress reads "IN IP4 192.0.2.1", with an optional "/ttl" for multicast.
func sdpAddress(value []byte) netip.Addr {
	if !hasPrefix(value, "IN IP4 ") && !hasPrefix(value, "IN IP6 ") {
		return netip.Addr{}
	}
	text, _, _ := bytes.Cut(bytes.TrimSpace(value[len("IN IP4 "):]), []byte{'/'})
	return parseAddr(text)
}

// parseAddr is netip.ParseAddr without allocations and without zones; the result is invalid if b is no address.
func parseAddr(text []byte) netip.Addr {
	if bytes.IndexByte(text, ':') >= 0 {
		return parseAddr6(text)
	}
	var v [4]byte
	for i := range v {
		n, rest, ok := ftpNumber(text)
		if !ok || n > 255 || i < 3 && (len(rest) == 0 || rest[0] != '.') || i == 3 && len(rest) > 0 {
			return netip.Addr{}
		}
		if v[i] = byte(n); i < 3 {
			text = rest[1:]
		}
	}
	return netip.AddrFrom4(v)
}

// parseAddr6 reads forms 1 and 2 of RFC 4291 §2.2: groups of up to 4 hexadecimal digits, one "::" for a run of zeros.
func parseAddr6(text []byte) netip.Addr {
	const groups = 8
	var v [16]byte
	n, gap := 0, -1
	if hasPrefix(text, "::") {
		gap, text = 0, text[2:]
	}
	for len(text) > 0 {
		value, digits := 0, 0
		for digits < len(text) && text[digits] != ':' {
			d := bytes.IndexByte([]byte(hexDigits), text[digits]|0x20)
			if digits == 4 || d < 0 {
				return netip.Addr{}
			}
			value, digits = value<<4|d, digits+1
		}
		if digits == 0 || n == groups {
			return netip.Addr{}
		}
		v[2*n], v[2*n+1] = byte(value>>8), byte(value)
		n++
		if text = text[digits:]; len(text) == 1 {
			return netip.Addr{}
		} else if hasPrefix(text, "::") {
			if gap >= 0 {
				return netip.Addr{}
			}
			gap, text = n, text[2:]
		} else if len(text) > 0 {
			text = text[1:]
		}
	}
	if (gap < 0) != (n == groups) {
		return netip.Addr{}
	}
	if gap >= 0 {
		copy(v[16-2*(n-gap):], v[2*gap:2*n])
		clear(v[2*gap : 16-2*(n-gap)])
	}
	return netip.AddrFrom16(v)
}

// expect announces the media's flows. Port 0 refuses or ends a medium (RFC 3264 §6).
func (m *sdpMedia) expect(r *dissect.Result) {
	if !m.rtp || m.port == 0 || !m.address.IsValid() || m.address.IsUnspecified() {
		return
	}
	r.Expect(dissect.Expectation{Server: netip.AddrPortFrom(m.address, uint16(m.port)), Over: dissect.UDP,
		Protocol: "rtp"})
	if m.rtcp > 0 && m.rtcp <= 0xffff {
		r.Expect(dissect.Expectation{Server: netip.AddrPortFrom(m.address, uint16(m.rtcp)), Over: dissect.UDP,
			Protocol: "rtcp"})
	}
}

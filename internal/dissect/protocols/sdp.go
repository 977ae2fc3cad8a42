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
			m.rtcp, _, _ = cutNumber(value[len("rtcp:"):])
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
	port, rest, ok := cutNumber(rest)
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

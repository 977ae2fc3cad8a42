// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// icmpQueryHeader is type, code, checksum, identifier, sequence number.
const icmpQueryHeader = 8

// control reads type and code of ICMP (RFC 792) and ICMPv6 (RFC 4443 §2.1), and the type of IGMP (RFC 2236 §2). It
// turns a query's identifier and type into ports; see SrcPort.
func (p *Packet) control(h []byte, off int) {
	if len(h) < 4 { // type, code, checksum
		p.broken(off, FaultTransport)
		return
	}
	p.ICMPType = h[0]
	if p.Proto != ProtoIGMP {
		p.ICMPCode = h[1]
	}
	if len(h) >= icmpQueryHeader {
		p.SrcPort, p.DstPort = QueryPorts(p.Proto, h[0], binary.BigEndian.Uint16(h[4:]))
	}
	p.payload(off, off)
}

// QueryPorts returns the ports that stand for the identifier of an ICMP query, in the direction of a message of the
// given type: the querier's port is the identifier, as in address translation (RFC 3022 §4.1, RFC 5508 §3.1), the
// responder's the request's type times 256. Both are 0 if the type belongs to no query.
func QueryPorts(proto, icmpType uint8, id uint16) (src, dst uint16) {
	request, isReply := ICMPQuery(proto, icmpType)
	switch {
	case request == 0:
		return 0, 0
	case isReply:
		return uint16(request) << 8, id
	}
	return id, uint16(request) << 8
}

// ICMPQuery returns the request type of the query that a message of icmpType makes or answers; 0 if that query has no
// identifier.
func ICMPQuery(proto, icmpType uint8) (request uint8, isReply bool) {
	switch proto {
	case ProtoICMP:
		switch icmpType {
		case 8, 13, 15, 17, 42:
			// echo, timestamp, information (RFC 792), address mask (RFC 950), extended echo (RFC 8335)
			return icmpType, false
		case 0:
			return 8, true
		case 14, 16, 18, 43:
			return icmpType - 1, true
		}
	case ProtoICMPv6:
		switch icmpType {
		case 128, 160: // echo (RFC 4443 §4.1), extended echo (RFC 8335)
			return icmpType, false
		case 129, 161:
			return icmpType - 1, true
		}
	}
	return 0, false
}

// Query is ICMPQuery of p, which may be a later fragment with ports from Resolve.
func (p *Packet) Query() (request uint8, isReply bool) {
	if p.Proto != ProtoICMP && p.Proto != ProtoICMPv6 {
		return 0, false
	}
	if !p.LaterFragment {
		return ICMPQuery(p.Proto, p.ICMPType)
	}
	for _, port := range [...]uint16{p.DstPort, p.SrcPort} {
		if port&0xff == 0 {
			if request, isReply := ICMPQuery(p.Proto, uint8(port>>8)); request != 0 && !isReply {
				return request, port != p.DstPort
			}
		}
	}
	return 0, false
}

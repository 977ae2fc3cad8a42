// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// switchTag reads an Ethernet header in which a switch has put its own tag behind the addresses. Marvell's tag (Linux,
// net/dsa/tag_dsa.c) replaces the VLAN tag that the frame had on its link, with or without an EtherType before it.
func (p *Packet) switchTag(link LinkType, d []byte, off int) (uint16, int, Fault) {
	const macs, tag, etherTypeAndZero, tagged = 12, 4, 4, 0x20
	header := macs + tag + 2
	if link == LinkDSATagEDSA {
		header += etherTypeAndZero
	}
	if len(d)-off < header {
		return 0, off, FaultTruncated
	}
	h := d[off : off+header]
	p.DstMAC, p.SrcMAC, p.HasMAC = [6]byte(h), [6]byte(h[6:]), true
	if t := h[header-tag-2:]; link != LinkDSATagBRCM && t[0]&tagged != 0 {
		if id := binary.BigEndian.Uint16(t[2:]) & 0x0fff; id != 0 {
			p.VLANs[0], p.NVLAN = id, 1
		}
	}
	return binary.BigEndian.Uint16(h[header-2:]), off + header, FaultNone
}

// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// What stands around an 802.11 frame and changes how its header is read.
const (
	wifiPadded  = 1 << iota // the header is padded to a multiple of 4 bytes (radiotap)
	wifiSwapped             // the two frame control bytes changed places (some CAPWAP controllers)
)

// Frame control, IEEE 802.11-2020 §9.2.4.1. The first byte holds version, type, subtype.
const (
	wifiVersionType = 0x0f
	wifiData        = 0x08 // version 0, type 2
	wifiNoData      = 0x40 // subtype bit of null frames
	wifiQoS         = 0x80 // subtype bit
	wifiToDS        = 0x01 // second byte
	wifiFromDS      = 0x02
	wifiProtected   = 0x40
	wifiHTC         = 0x80 // in QoS data: an HT Control field follows
	wifiAMSDU       = 0x80 // QoS Control, first byte
)

// wifi reads the MAC header of an 802.11 data frame and the LLC header's place after it. Management and control
// frames, frames without data, later fragments and aggregates (A-MSDU) carry no IP packet that can be read here.
func (p *Packet) wifi(d []byte, off, how int) (uint16, int, Fault) {
	h := d[off:]
	if len(h) < 2 {
		return 0, off, FaultTruncated
	}
	control, flags := h[0], h[1]
	if how&wifiSwapped != 0 {
		control, flags = flags, control
	}
	if control&wifiVersionType != wifiData || control&wifiNoData != 0 {
		return 0, off, FaultNotIP
	}
	length := 24
	if flags&(wifiToDS|wifiFromDS) == wifiToDS|wifiFromDS {
		length += 6
	}
	qos := length
	if control&wifiQoS != 0 {
		length += 2
		if flags&wifiHTC != 0 {
			length += 4
		}
	}
	if how&wifiPadded != 0 {
		length = (length + 3) &^ 3
	}
	if len(h) < length {
		return 0, off, FaultTruncated
	}
	p.wifiAddresses(h, flags)
	switch {
	case flags&wifiProtected != 0:
		return 0, off + length, FaultEncrypted
	case control&wifiQoS != 0 && h[qos]&wifiAMSDU != 0, h[22]&0x0f != 0:
		return 0, off + length, FaultNotIP
	}
	return etherLLC, off + length, FaultNone
}

// wifiAddresses takes sender and destination from where the DS bits put them, IEEE 802.11-2020 table 9-30.
func (p *Packet) wifiAddresses(h []byte, flags byte) {
	a1, a2, a3 := [6]byte(h[4:]), [6]byte(h[10:]), [6]byte(h[16:])
	switch flags & (wifiToDS | wifiFromDS) {
	case 0:
		p.DstMAC, p.SrcMAC = a1, a2
	case wifiToDS:
		p.DstMAC, p.SrcMAC = a3, a2
	case wifiFromDS:
		p.DstMAC, p.SrcMAC = a1, a3
	default:
		p.DstMAC, p.SrcMAC = a3, [6]byte(h[24:])
	}
	p.HasMAC = true
}

// radiotap reads the header that precedes an 802.11 frame (https://www.radiotap.org): version 0, a pad byte, the
// little-endian length, and words of presence bits. Of the fields only the flags matter: they tell of padding.
func (p *Packet) radiotap(d []byte, off int) (uint16, int, Fault) {
	const (
		presentTSFT  = 1 << 0
		presentFlags = 1 << 1
		presentMore  = 1 << 31
		flagDataPad  = 0x20
	)
	h := d[off:]
	if len(h) < 8 {
		return 0, off, FaultTruncated
	}
	length := int(binary.LittleEndian.Uint16(h[2:]))
	if h[0] != 0 || length < 8 {
		return 0, off, FaultLinkType
	}
	if length > len(h) {
		return 0, off, FaultTruncated
	}
	h = h[:length]
	present := binary.LittleEndian.Uint32(h[4:])
	field := 8
	for more := present; more&presentMore != 0 && field+4 <= length; field += 4 {
		more = binary.LittleEndian.Uint32(h[field:])
	}
	how := 0
	if present&presentFlags != 0 {
		if present&presentTSFT != 0 {
			field = (field+7)&^7 + 8 // 8 bytes, naturally aligned
		}
		if field < length && h[field]&flagDataPad != 0 {
			how = wifiPadded
		}
	}
	return p.wifi(d, off+length, how)
}

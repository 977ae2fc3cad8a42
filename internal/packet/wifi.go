// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// Circumstances that change how an 802.11 header is read.
const (
	wifiPadded  = 1 << iota // the header is padded to a multiple of 4 bytes (radiotap)
	wifiSwapped             // the two frame control bytes are swapped (some CAPWAP controllers)
)

// Frame control, IEEE 802.11-2020 §9.2.4.1. The first byte holds version, type and subtype.
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

// wifi reads the MAC header of an 802.11 data frame and finds the LLC header after it. Management and control frames,
// frames without data and later fragments carry no readable IP packet. Of an aggregate (A-MSDU), wifi reads the first
// frame.
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
	case h[22]&0x0f != 0:
		return 0, off + length, FaultNotIP
	case control&wifiQoS != 0 && h[qos]&wifiAMSDU != 0:
		return p.firstMSDU(d, off+length)
	}
	return etherLLC, off + length, FaultNone
}

// firstMSDU reads the header of an A-MSDU subframe (IEEE 802.11-2020 §9.3.2.2.2): addresses and length, as in an 802.3
// frame. Padding to a multiple of 4 bytes follows all but the last.
func (p *Packet) firstMSDU(d []byte, off int) (uint16, int, Fault) {
	if len(d)-off < ethernetHeader {
		p.HasMAC = false // the subframe's addresses count
		return 0, off, FaultTruncated
	}
	h := d[off : off+ethernetHeader]
	p.DstMAC, p.SrcMAC = [6]byte(h), [6]byte(h[6:])
	p.msdu = off + (ethernetHeader+int(binary.BigEndian.Uint16(h[12:]))+3)&^3
	return etherLLC, off + ethernetHeader, FaultNone
}

// LaterMSDUs returns the bytes after the first frame of an A-MSDU; nil if frame is no A-MSDU or has no more frames.
func LaterMSDUs(link LinkType, frame []byte) []byte {
	switch link {
	case LinkIEEE80211, LinkIEEE80211Radiotap, LinkPPI:
	default:
		return nil
	}
	var p Packet
	if _, _, fault := p.link(link, frame, 0); fault != FaultNone || p.msdu == 0 || p.msdu >= len(frame) {
		return nil
	}
	return frame[p.msdu:]
}

// NextMSDU splits the first frame off the result of LaterMSDUs: an 802.3 frame with an LLC header, for Decode as
// LinkEthernet, and its length before the capture cut it.
func NextMSDU(b []byte) (msdu []byte, length int, rest []byte) {
	if len(b) < ethernetHeader {
		return b, len(b), nil
	}
	length = ethernetHeader + int(binary.BigEndian.Uint16(b[12:]))
	return b[:min(length, len(b))], length, b[min((length+3)&^3, len(b)):]
}

// wifiAddresses reads sender and destination; the DS bits decide their places (IEEE 802.11-2020 table 9-30).
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

// radiotap reads the header before an 802.11 frame (https://www.radiotap.org): version 0, a pad byte, the little-endian
// length, and words of presence bits. Only the flags field matters: it announces padding.
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

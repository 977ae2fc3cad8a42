// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
)

// Layout of a block: struct tpacket_block_desc, then frames, each a struct tpacket3_hdr, a struct sockaddr_ll,
// headroom, and the bytes (linux/if_packet.h). All numbers are in the machine's byte order.
const (
	blockStatus = 8
	blockCount  = 12
	blockFirst  = 16
	blockHeader = 48

	frameNext    = 0
	frameSec     = 4
	frameNsec    = 8
	frameSnap    = 12
	frameLen     = 16
	frameStatus  = 20
	frameMac     = 24
	frameNet     = 26
	frameTCI     = 32
	frameTPID    = 36
	frameAddress = 48 // sockaddr_ll
	frameHeader  = frameAddress + 20

	addressIndex = frameAddress + 4
	addressLink  = frameAddress + 8
	addressType  = frameAddress + 10
)

var native = binary.NativeEndian

// nativeLittle is whether the machine is little-endian.
var nativeLittle = native.Uint16([]byte{1, 0}) == 1

// walkBlock hands the frames of a block to each and returns their number. f describes each frame. The block's memory is
// shared with the kernel: each number is read once and checked before use, and a number that leads out of the block, or
// back, ends the walk.
func walkBlock(block []byte, f *capture.Frame, each func(*capture.Frame)) (frames int) {
	if len(block) < blockHeader {
		return 0
	}
	count := native.Uint32(block[blockCount:])
	off := uint64(native.Uint32(block[blockFirst:]))
	if off < blockHeader {
		return 0
	}
	for ; count > 0; count-- {
		if off+frameHeader > uint64(len(block)) {
			return frames
		}
		rest := block[off:]
		next := native.Uint32(rest[frameNext:])
		if readFrame(rest, f) {
			frames++
			each(f)
		}
		if next < frameHeader {
			return frames
		}
		off += uint64(next)
	}
	return frames
}

// readFrame describes in f the frame at the beginning of b, which has room for its headers. It leaves Flow unchanged.
// It returns false for a frame that must not count or whose numbers are wrong.
func readFrame(b []byte, f *capture.Frame) bool {
	mac, network := uint64(native.Uint16(b[frameMac:])), uint64(native.Uint16(b[frameNet:]))
	end := mac + uint64(native.Uint32(b[frameSnap:]))
	if mac < frameHeader || end > uint64(len(b)) {
		return false
	}
	length := int64(native.Uint32(b[frameLen:]))
	hardware := native.Uint16(b[addressLink:])
	if hardware == unix.ARPHRD_LOOPBACK && b[addressType] == unix.PACKET_OUTGOING {
		return false // it returns as a received one
	}
	f.IsOutgoing = b[addressType] == unix.PACKET_OUTGOING
	f.Link = packet.LinkEthernet
	switch {
	case isEthernet(hardware):
		if native.Uint32(b[frameStatus:])&unix.TP_STATUS_VLAN_VALID != 0 && end-mac >= 12 && mac >= frameHeader+
			tagBytes {
			putTag(b, mac)
			mac -= tagBytes
			length += tagBytes
		}
	case hardware == unix.ARPHRD_IEEE80211_RADIOTAP:
		f.Link = packet.LinkIEEE80211Radiotap
	case hardware == unix.ARPHRD_IEEE80211:
		f.Link = packet.LinkIEEE80211
	default:
		// PPP, tunnels, and other carriers of IP: skip their own header, if any.
		f.Link = packet.LinkRaw
		if network > mac {
			if network > end {
				return false
			}
			length -= int64(network - mac)
			mac = network
		}
	}
	f.Data = b[mac:end:end]
	f.Length = int(max(length, int64(len(f.Data))))
	f.Time = int64(native.Uint32(b[frameSec:]))*1e9 + int64(native.Uint32(b[frameNsec:]))
	f.Interface = native.Uint32(b[addressIndex:])
	return true
}

// putTag moves the two MAC addresses of the frame at mac to the front by tagBytes and inserts the tag after them. The
// headroom suffices.
func putTag(b []byte, mac uint64) {
	tpid := uint16(unix.ETH_P_8021Q)
	if native.Uint32(b[frameStatus:])&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = native.Uint16(b[frameTPID:])
	}
	tci := uint16(native.Uint32(b[frameTCI:]))
	copy(b[mac-tagBytes:mac+8], b[mac:mac+12])
	binary.BigEndian.PutUint16(b[mac+8:], tpid)
	binary.BigEndian.PutUint16(b[mac+10:], tci)
}

// isEthernet reports whether frames of a hardware type begin with an Ethernet header. Those of the loopback interface
// do.
func isEthernet(hardware uint16) bool {
	return hardware == unix.ARPHRD_ETHER || hardware == unix.ARPHRD_LOOPBACK
}

// SPDX-License-Identifier: Apache-2.0

package protocols

// crcCCITT is the checksum of polynomial x^16+x^12+x^5+1, the highest bit first, continued from crc.
func crcCCITT(crc uint16, b []byte) int {
	for _, v := range b {
		crc ^= uint16(v) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
	}
	return int(crc)
}

// crcX25 is HDLC's checksum (ISO/IEC 13239): as crcCCITT, but the lowest bit first and complemented.
func crcX25(b []byte) int {
	crc := uint16(0xffff)
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			carry := crc & 1
			crc >>= 1
			if carry != 0 {
				crc ^= 0x8408
			}
		}
	}
	return int(^crc)
}

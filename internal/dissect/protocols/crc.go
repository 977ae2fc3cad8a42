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

// crcReflected is the checksum of a polynomial, given with its lowest bit first, continued from crc and complemented.
func crcReflected(polynomial, crc uint16, b []byte) uint16 {
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			carry := crc & 1
			crc >>= 1
			if carry != 0 {
				crc ^= polynomial
			}
		}
	}
	return ^crc
}

// crcX25 is HDLC's checksum (ISO/IEC 13239): the polynomial of crcCCITT, the lowest bit first.
func crcX25(b []byte) int { return int(crcReflected(0x8408, 0xffff, b)) }

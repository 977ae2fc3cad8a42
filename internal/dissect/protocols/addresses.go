// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"
)

// parseAddr is netip.ParseAddr without allocations and without zones; the result is invalid if b is no address.
func parseAddr(text []byte) netip.Addr {
	if bytes.IndexByte(text, ':') >= 0 {
		return parseAddr6(text)
	}
	var v [4]byte
	for i := range v {
		n, rest, ok := cutNumber(text)
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

// appendDotted appends four bytes as decimal numbers with dots between them.
func appendDotted(dst, b []byte) []byte {
	for i, n := range b {
		if i > 0 {
			dst = append(dst, '.')
		}
		if n >= 100 {
			dst = append(dst, '0'+n/100)
		}
		if n >= 10 {
			dst = append(dst, '0'+n/10%10)
		}
		dst = append(dst, '0'+n%10)
	}
	return dst
}

// appendMAC appends a hardware address with colons between its bytes.
func appendMAC(dst, mac []byte) []byte {
	for i, b := range mac {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
)

const (
	// maxNumbers bounds the numbers in a fingerprint: real hellos have under 200. A hello with more has no fingerprint.
	maxNumbers = 512
	// JA3Length and JA4Length are the lengths of the fingerprints in bytes of text.
	JA3Length = 2 * md5.Size
	JA4Length = 36
)

// numbersText has room for maxNumbers numbers of at most 5 digits and a separator, and for a few more separators.
type numbersText [6*maxNumbers + 32]byte

// AppendJA3 appends the client's JA3: the MD5, in hexadecimal, of version, cipher suites, extensions, groups and point
// formats in decimal, in the order of the hello, without GREASE (salesforce/ja3, README). AppendJA3 appends nothing for
// an SSL 2.0 hello or one with more than maxNumbers numbers.
func (h *ClientHello) AppendJA3(dst []byte) []byte {
	if h.SSL2 || h.CipherSuites.Len()+h.Groups.Len()+len(h.PointFormats) > maxNumbers {
		return dst
	}
	var text numbersText
	b := strconv.AppendUint(text[:0], uint64(h.Version), 10)
	b = appendDecimals(append(b, ','), h.CipherSuites)
	b, ok := appendExtensions(append(b, ','), h.Extensions)
	if !ok || len(b)+6*(h.Groups.Len()+len(h.PointFormats))+2 > len(text) {
		return dst
	}
	b = appendDecimals(append(b, ','), h.Groups)
	b = append(b, ',')
	for i, f := range h.PointFormats {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(f), 10)
	}
	return appendMD5(dst, b)
}

// AppendJA3S appends the server's JA3S, as AppendJA3: version, cipher suite and extensions.
func (h *ServerHello) AppendJA3S(dst []byte) []byte {
	var text numbersText
	b := strconv.AppendUint(text[:0], uint64(h.Version), 10)
	b = strconv.AppendUint(append(b, ','), uint64(h.CipherSuite), 10)
	b, ok := appendExtensions(append(b, ','), h.Extensions)
	if !ok {
		return dst
	}
	return appendMD5(dst, b)
}

func appendMD5(dst, text []byte) []byte {
	sum := md5.Sum(text)
	return hex.AppendEncode(dst, sum[:])
}

func appendDecimals(b []byte, numbers Uint16s) []byte {
	for i, start := 0, len(b); i < numbers.Len(); i++ {
		b = appendDecimal(b, start, numbers.At(i))
	}
	return b
}

// appendDecimal appends v, after a separator unless v is the first of the list that began at start. It omits GREASE.
func appendDecimal(b []byte, start int, v uint16) []byte {
	if IsGREASE(v) {
		return b
	}
	if len(b) > start {
		b = append(b, '-')
	}
	return strconv.AppendUint(b, uint64(v), 10)
}

// appendExtensions appends the types of a list of extensions; false if b has no room for the next.
func appendExtensions(b, list []byte) ([]byte, bool) {
	for start := len(b); len(list) >= 4; list = nextExtension(list) {
		if cap(b)-len(b) < 6 {
			return b, false
		}
		b = appendDecimal(b, start, binary.BigEndian.Uint16(list))
	}
	return b, true
}

// nextExtension returns the bytes after the first extension of list, which has at least 4 bytes.
func nextExtension(list []byte) []byte {
	return list[min(4+int(binary.BigEndian.Uint16(list[2:])), len(list)):]
}

// AppendJA4 appends the client's JA4 (FoxIO, "JA4: TLS Client Fingerprinting"); transport is 't' for TLS over TCP, 'q'
// for QUIC, 'd' for DTLS. AppendJA4 appends nothing for an SSL 2.0 hello or one with more than maxNumbers numbers in a
// list.
func (h *ClientHello) AppendJA4(dst []byte, transport byte) []byte {
	var ciphers, extensions [maxNumbers]uint16
	if h.SSL2 || h.CipherSuites.Len() > maxNumbers || h.SignatureAlgorithms.Len() > maxNumbers {
		return dst
	}
	nCiphers := 0
	for i := range h.CipherSuites.Len() {
		if c := h.CipherSuites.At(i); !IsGREASE(c) {
			ciphers[nCiphers] = c
			nCiphers++
		}
	}
	kept, all := 0, 0
	for list := h.Extensions; len(list) >= 4; list = nextExtension(list) {
		kind := binary.BigEndian.Uint16(list)
		if IsGREASE(kind) {
			continue
		}
		if all++; kind == extServerName || kind == extALPN {
			continue
		}
		if kept == maxNumbers {
			return dst
		}
		extensions[kept] = kind
		kept++
	}
	dst = append(dst, transport)
	dst = append(dst, ja4Version(h.MaxVersion())...)
	if h.HasServerName {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	dst = appendCount(appendCount(dst, nCiphers), all)
	dst = append(appendJA4Name(dst, h.ALPN), '_')
	dst = append(appendJA4Hash(dst, ciphers[:nCiphers], nil), '_')
	return appendJA4Hash(dst, extensions[:kept], h.SignatureAlgorithms)
}

func ja4Version(v uint16) string {
	switch v {
	case VersionTLS13:
		return "13"
	case VersionTLS12:
		return "12"
	case VersionTLS11:
		return "11"
	case VersionTLS10:
		return "10"
	case VersionSSL3:
		return "s3"
	case VersionSSL2:
		return "s2"
	case VersionDTLS10:
		return "d1"
	case VersionDTLS12:
		return "d2"
	case VersionDTLS13:
		return "d3"
	}
	return "00"
}

// appendCount appends n as two digits, at most 99.
func appendCount(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendJA4Name appends the first and last character of the first name, or of its hexadecimal form if either is neither
// letter nor digit.
func appendJA4Name(dst []byte, names Names) []byte {
	name, _ := names.Next()
	if len(name) == 0 {
		return append(dst, "00"...)
	}
	first, last := name[0], name[len(name)-1]
	if isAlphanumeric(first) && isAlphanumeric(last) {
		return append(dst, first, last)
	}
	const digits = "0123456789abcdef"
	return append(dst, digits[first>>4], digits[last&15])
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// appendJA4Hash appends the first 12 hexadecimal digits of the SHA-256 of the sorted numbers and, after "_", of more in
// its own order; zeros if numbers is empty.
func appendJA4Hash(dst []byte, numbers []uint16, more Uint16s) []byte {
	if len(numbers) == 0 {
		return append(dst, "000000000000"...)
	}
	var text [5*2*maxNumbers + 1]byte
	b := text[:0]
	slices.Sort(numbers)
	for _, v := range numbers {
		b = appendHex16(b, v)
	}
	b = b[:len(b)-1]
	if more.Len() > 0 {
		b = append(b, '_')
		for i := range more.Len() {
			if v := more.At(i); !IsGREASE(v) {
				b = appendHex16(b, v)
			}
		}
		b = b[:len(b)-1] // the last comma, or the underscore
	}
	sum := sha256.Sum256(b)
	return hex.AppendEncode(dst, sum[:6])
}

// appendHex16 appends v in four digits and a comma.
func appendHex16(b []byte, v uint16) []byte {
	const digits = "0123456789abcdef"
	return append(b, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15], ',')
}

// SPDX-License-Identifier: Apache-2.0

package dissect

const hexDigits = "0123456789abcdef"

// appendHost appends name in canonical form; see Result.SetHost.
func appendHost(b, name []byte) (host []byte, isCut bool) {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	start := len(b)
	for _, c := range name {
		n := 1
		if c <= ' ' || c >= 0x7f || c == '\\' || c == '"' {
			n = 4
		}
		if len(b)-start+n > MaxHost {
			return b, true
		}
		switch {
		case n == 4:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		case 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, c)
		}
	}
	return b, false
}

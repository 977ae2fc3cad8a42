// SPDX-License-Identifier: Apache-2.0

package protocols

// isGTPPrime checks a charging header: flags, length, and a message type.
func isGTPPrime(b []byte, length int) bool {
	const spare, short, long = 0x0e, 6, 20 // version 0 may have the long header
	if b[0]&spare != spare {
		return false
	}
	switch kind := b[1]; {
	case kind >= 1 && kind <= 7, kind == 240 || kind == 241:
		rest := length - be16(b[2:])
		return rest == short || rest == long && b[0]&1 == 0
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/rand"
	"math/big"
)

// serial returns a random serial number (RFC 5280, section 4.1.2.2: positive, at most 20 bytes).
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] = b[0]&0x7F | 0x40
	return new(big.Int).SetBytes(b[:])
}

// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"net/netip"
)

// ipcrypt replaces addresses by others of the same family (draft-denis-ipcrypt, "ipcrypt-pfx"): two addresses share as
// many leading bits before as after, so networks stay networks.
type ipcrypt struct{ first, second cipher.Block }

// newIPCrypt returns the cipher for a key, whose halves must differ.
func newIPCrypt(key [32]byte) (*ipcrypt, error) {
	if [16]byte(key[:16]) == [16]byte(key[16:]) {
		return nil, errors.New("the halves of the key are equal")
	}
	first, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	second, err := aes.NewCipher(key[16:])
	return &ipcrypt{first, second}, err
}

// encrypt returns an address's pseudonym. Each bit is exchanged or not, as the bits before it say.
func (c *ipcrypt) encrypt(a netip.Addr) netip.Addr {
	a = a.Unmap()
	plain := a.As16()
	var out [16]byte
	prefix, from := [16]byte{15: 1}, 0 // a 1, and the bits before
	if a.Is4() {
		copy(out[:12], plain[:12])
		prefix, from = [16]byte{3: 1, 14: 0xff, 15: 0xff}, 96
	}
	var x, y [aes.BlockSize]byte
	for i := from; i < 128; i++ {
		c.first.Encrypt(x[:], prefix[:])
		c.second.Encrypt(y[:], prefix[:])
		bit := plain[i/8] >> (7 - i%8) & 1
		out[i/8] |= (bit ^ (x[15]^y[15])&1) << (7 - i%8)
		shift(&prefix, bit)
	}
	return netip.AddrFrom16(out).Unmap()
}

// shift moves all bits to the left by one, and lets one in.
func shift(b *[16]byte, bit byte) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i], bit = b[i]<<1|bit, b[i]>>7
	}
}

// SPDX-License-Identifier: Apache-2.0

package protocols

// isProfinet reports whether an interface is PROFINET IO's: DEA0000x-6C97-11D1-8271-00A02442DF7D.
func isProfinet(id *[16]byte) bool {
	return hasPrefix(id[:], "\xde\xa0\x00") && string(id[4:]) == "\x6c\x97\x11\xd1\x82\x71\x00\xa0\x24\x42\xdf\x7d"
}

// SPDX-License-Identifier: Apache-2.0

package protocols

// countMessages walks consecutive messages in b. length returns the length of the message at the start of its argument:
// 0 if it needs more of the header, negative if no message begins so. whole is the number of complete messages, rest
// the number of bytes after them; ok is false if those can't begin a message.
func countMessages(b []byte, length func([]byte) int) (whole, rest int, ok bool) {
	for len(b) > 0 {
		n := length(b)
		if n < 0 {
			return whole, len(b), false
		}
		if n == 0 || n > len(b) {
			break
		}
		b = b[n:]
		whole++
	}
	return whole, len(b), true
}

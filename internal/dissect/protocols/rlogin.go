// SPDX-License-Identifier: Apache-2.0

package protocols

import "bytes"

// isRloginTerminal reports whether a text is a terminal type and, after a slash, its speed (RFC 1282 §3.1).
func isRloginTerminal(text []byte) bool {
	_, speed, ok := bytes.Cut(text, []byte{'/'})
	return ok && isDigits(speed)
}

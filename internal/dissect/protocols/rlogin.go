// SPDX-License-Identifier: Apache-2.0

package protocols

import "bytes"

// isRloginTerminal says whether a text is a terminal's type and, behind a slash, its speed (RFC 1282 §3.1).
func isRloginTerminal(text []byte) bool {
	_, speed, ok := bytes.Cut(text, []byte{'/'})
	return ok && isDigits(speed)
}

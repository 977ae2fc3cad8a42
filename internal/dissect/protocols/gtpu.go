// SPDX-License-Identifier: Apache-2.0

package protocols

// isGTPUserMessage reports whether the user plane has messages of that type (3GPP TS 29.281 §6.1): echo, error
// indication, supported extension headers, tunnel status, end marker, and data, a G-PDU.
func isGTPUserMessage(kind byte) bool {
	return kind == 1 || kind == 2 || kind == 26 || kind == 31 || kind == 253 || kind == 254 || kind == 255
}

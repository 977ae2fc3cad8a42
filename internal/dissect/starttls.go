// SPDX-License-Identifier: Apache-2.0

package dissect

// insideTLS tells of the TLS that a conversation went over to, as after STARTTLS or CONNECT: toServer and toClient are what
// followed. The flow keeps the name of the protocol around it.
func insideTLS(toServer, toClient []byte, r *Result) Verdict {
	return Yes
}

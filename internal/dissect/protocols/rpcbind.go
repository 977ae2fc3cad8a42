// SPDX-License-Identifier: Apache-2.0

package protocols

// The port mapper's program number and port (RFC 1833 §3.1).
const (
	rpcbindProgram = 100000
	rpcbindPort    = 111
)

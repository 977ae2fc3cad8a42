// SPDX-License-Identifier: Apache-2.0

package protocols

// isNestEndpoint reports whether a node is an endpoint of Nest's service, where devices upload logs and data: the upper
// half of its identifier is 18B43002 (WeaveServerBase).
func isNestEndpoint(node []byte) bool { return string(node[4:]) == "\x02\x30\xb4\x18" }

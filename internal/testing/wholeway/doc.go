// SPDX-License-Identifier: Apache-2.0

// Package wholeway tests agent and sink together: real programs, TLS, files and kills, from the packet to the answer of
// the sink's API.
package wholeway

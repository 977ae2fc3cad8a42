// SPDX-License-Identifier: Apache-2.0

package protocols

// isDNSOverTLS reports whether the client's ALPN offers DNS over TLS. Few clients do, but RFC 7858's port alone proves
// nothing.
func (s *tlsScratch) isDNSOverTLS() bool { return s.offers("dot") }

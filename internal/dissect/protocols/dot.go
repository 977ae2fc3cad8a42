// SPDX-License-Identifier: Apache-2.0

package protocols

// isDNSOverTLS says whether the client offers DNS over TLS by its ALPN, which few do; the port of RFC 7858 alone does
// not make it one.
func (s *tlsScratch) isDNSOverTLS() bool { return s.offers("dot") }

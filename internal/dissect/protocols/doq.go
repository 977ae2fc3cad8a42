// SPDX-License-Identifier: Apache-2.0

package protocols

// isDNSOverQUIC says whether the client offers DNS over QUIC by its ALPN (RFC 9250 §4.1.1).
func (s *tlsScratch) isDNSOverQUIC() bool { return s.offers("doq") }

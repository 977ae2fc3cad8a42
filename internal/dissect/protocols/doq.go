// SPDX-License-Identifier: Apache-2.0

package protocols

// isDNSOverQUIC reports whether the client's ALPN offers DNS over QUIC (RFC 9250 §4.1.1).
func (s *tlsScratch) isDNSOverQUIC() bool { return s.offers("doq") }

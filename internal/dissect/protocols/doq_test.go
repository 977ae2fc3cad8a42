// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	stdtls "crypto/tls"
	"testing"
)

func TestDNSOverQUIC(t *testing.T) {
	h := quicHello(t, "doq", stdtls.X25519)
	k := udp(853, C(quicSeal(quicID, quicID, 0, quicCrypto(h, 0, len(h)))))
	wantProtocol(t, k, "doq")
}

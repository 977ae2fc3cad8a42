// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	stdtls "crypto/tls"
	"testing"
)

func TestDNSOverTLS(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS13)
	k := tlsRecord(t, client, server)
	k.ServerPort = 853
	wantProtocol(t, k, "tls") // the port alone does not decide
	client.NextProtos, server.NextProtos = []string{"dot"}, nil
	wantProtocol(t, tlsRecord(t, client, server), "dot")
}

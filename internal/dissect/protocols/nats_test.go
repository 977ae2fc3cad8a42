// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are shaped after the protocol's reference.
var (
	natsHello = tcp(4222,
		S("INFO {\"server_id\":\"ND5XTA\",\"server_name\":\"hub\",\"version\": \"2.10.1\",\"proto\":1}\r\n"),
		C("CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"p\",\"lang\":\"go\",\"name\":\"shop\"}\r\nPING\r\n"))
	natsMid = tcp(4000, C("PUB FOO 11\r\nHello NATS!\r\n"))
)

func TestNATS(t *testing.T) {
	if h := wantProtocol(t, natsHello, "nats", `"server_version":"2.10.1"`, `"server_name":"hub"`,
		`"client_name":"shop"`); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	wantProtocol(t, natsMid, "nats")
	wantProtocol(t, tcp(4222, S("MSG FOO.BAR 9 11\r\nHello World\r\n")), "nats")
	wantNot(t, tcp(4222, C("PUB FOO 11\r\nHello NATS!!!\r\n")), "nats")
	wantNot(t, tcp(4222, S("INFO {}\r\n"), C("HELO\r\n")), "nats")
	testTruncations(t, "nats", natsHello, 26)
	testTruncations(t, "nats", natsMid, 25)
	wantNoAllocations(t, "nats", natsHello)
}

func FuzzNATS(f *testing.F) { fuzzTalks(f, "nats", natsHello, natsMid) }

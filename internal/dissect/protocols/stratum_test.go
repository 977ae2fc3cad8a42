// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The lines are the protocol's examples, with names changed.
var (
	stratumSubscribe = tcp(3333, C(`{"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5.1"]}`+"\n"),
		S(`{"id": 1, "result": [["mining.notify", "ae6812eb4cd7735a302a8a9dd95cf71f"], "08000002", 4], "error": null}`+
			"\n"))
	stratumLogin = tcp(5555,
		C(`{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4AdUndXHHZ","pass":"x","agent":"XMRig/6.21.0"}}`+
			"\n"))
	stratumEthereum = tcp(9999,
		C(`{"worker":"rig","jsonrpc":"2.0","params":["0x01","x"],"id":2,"method":"eth_submitLogin"}`+"\n"))
)

func TestStratum(t *testing.T) {
	wantProtocol(t, stratumSubscribe, "stratum", `"method":"mining.subscribe"`, `"client":"cpuminer/2.5.1"`)
	wantProtocol(t, stratumLogin, "stratum", `"client":"XMRig/6.21.0"`)
	wantProtocol(t, stratumEthereum, "stratum")
	wantProtocol(t, tcp(9999, S(`{"id":0,"result":true}`+"\n"), C(stratumEthereum.Says[0].Bytes)), "stratum")
	wantNot(t, tcp(3333, C(`{"id":1,"jsonrpc":"2.0","method":"login","params":{"user":"a"}}`+"\n")), "stratum")
	wantNot(t, tcp(3333, C(`{"id":1,"method":"mining","params":[]}`+"\n")), "stratum")
	for _, k := range []talk{stratumSubscribe, stratumLogin, stratumEthereum} {
		testTruncations(t, "stratum", k, 30)
		wantNoAllocations(t, "stratum", k)
	}
}

func FuzzStratum(f *testing.F) {
	fuzzTalks(f, "stratum", stratumSubscribe, stratumLogin, stratumEthereum)
}

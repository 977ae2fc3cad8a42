// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The examples of JSON-RPC 2.0 §7 and of 1.0, and the base protocol of the Language Server Protocol.
var (
	jsonrpcTalk = tcp(4444, C(`{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}`),
		S(`{"jsonrpc": "2.0", "result": 19, "id": 1}`))
	jsonrpcLSP = tcp(4444, C("Content-Length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"a\"}"))
	jsonrpcOld = tcp(4444, C(`{ "method": "echo", "params": ["Hello JSON-RPC"], "id": 1}`),
		S(`{ "result": "Hello JSON-RPC", "error": null, "id": 1}`))
	jsonrpcLength = tcp(4444, C("31\n{\"jsonrpc\":\"2.0\",\"method\":\"a\"}"))
)

func TestJSONRPC(t *testing.T) {
	wantProtocol(t, jsonrpcTalk, "json-rpc")
	wantProtocol(t, jsonrpcLSP, "json-rpc")
	wantProtocol(t, jsonrpcLength, "json-rpc")
	wantProtocol(t, jsonrpcOld, "json-rpc")
	wantNot(t, tcp(4444, C(`{ "method": "echo", "id": 1}`), S(`{ "result": 1, "id": 1}`)), "json-rpc")
	wantNot(t, tcp(4444, C(`{"json":"rpc"}`)), "json-rpc")
	wantNot(t, tcp(4444, C("jsonrpc 2.0\n"), S("HTTP/1.1 200 OK\r\n")), "json-rpc")
	for _, k := range []talk{jsonrpcTalk, jsonrpcLSP, jsonrpcLength, jsonrpcOld} {
		testTruncations(t, "json-rpc", k, 16)
		wantNoAllocations(t, "json-rpc", k)
	}
}

func FuzzJSONRPC(f *testing.F) {
	fuzzTalks(f, "json-rpc", jsonrpcTalk, jsonrpcLSP, jsonrpcLength, jsonrpcOld)
}

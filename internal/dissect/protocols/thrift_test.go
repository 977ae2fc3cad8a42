// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the binary and compact protocols' specifications.
var (
	thriftBinary = tcp(9090, C("\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x00"),
		S("\x80\x01\x00\x02\x00\x00\x00\x04ping\x00\x00\x00\x01\x00"))
	thriftFramed  = tcp(9090, C("\x00\x00\x00\x11\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x00"))
	thriftCompact = tcp(9090, C("\x82\x21\x81\x01\x07getUser\x00"))
)

func TestThrift(t *testing.T) {
	wantProtocol(t, thriftBinary, "thrift", `"method":"ping"`)
	wantProtocol(t, thriftFramed, "thrift", `"method":"ping"`)
	wantProtocol(t, thriftCompact, "thrift", `"method":"getUser"`)
	wantProtocol(t, udp(6831, C("\x82\x81\x01\x09emitBatch\x1c")), "thrift", `"method":"emitBatch"`)
	wantNot(t, tcp(9090, C("\x80\x01\x00\x01\x00\x00\x00\x04p\x00ng\x00\x00\x00\x01\x00")), "thrift")
	wantNot(t, tcp(9090, C("\x80\x01\x00\x09\x00\x00\x00\x04ping\x00\x00\x00\x01\x00")), "thrift")
	wantNot(t, tcp(9090, C("\x80\x01\x00\x01\x00\x00\x00\x01p\x00\x00\x00\x01\x00")), "thrift")
	for _, k := range []talk{thriftBinary, thriftFramed, thriftCompact} {
		testTruncations(t, "thrift", k, 12)
		wantNoAllocations(t, "thrift", k)
	}
}

func FuzzThrift(f *testing.F) { fuzzTalks(f, "thrift", thriftBinary, thriftFramed, thriftCompact) }

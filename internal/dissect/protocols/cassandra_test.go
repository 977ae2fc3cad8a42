// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from native_protocol_v4.spec §2 and §4.1.
var (
	cassandraStart = tcp(9042, C("\x04\x00\x00\x00\x01\x00\x00\x00\x16\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0"),
		SX("84 00 0000 02 00000000"))
	cassandraAsk   = tcp(4000, CX("04 00 0000 05 00000000"), SX("84 00 0000 06 00000002 0000"))
	cassandraNodes = tcp(7000, CX("ca552dfa 00000c00"))
)

func TestCassandra(t *testing.T) {
	wantProtocol(t, cassandraStart, "cassandra", `"version":4`, `"cql_version":"3.0.0"`)
	wantProtocol(t, cassandraAsk, "cassandra")
	wantProtocol(t, cassandraNodes, "cassandra")
	wantNot(t, tcp(9042, CX("04 00 0000 05 00000000")), "cassandra")
	wantNot(t, tcp(9042, CX("04 00 0000 05 00000000"), SX("83 00 0000 06 00000002 0000")), "cassandra")
	wantNot(t, tcp(9042, CX("04 00 0000 06 00000000"), SX("84 00 0000 06 00000002 0000")), "cassandra")
	testTruncations(t, "cassandra", cassandraStart, 24)
	testTruncations(t, "cassandra", cassandraAsk, 99)
	wantNoAllocations(t, "cassandra", cassandraStart)
}

func FuzzCassandra(f *testing.F) { fuzzTalks(f, "cassandra", cassandraStart, cassandraAsk) }

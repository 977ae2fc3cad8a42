// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the documentation of the native protocol.
var (
	clickhouseTalk = tcp(9000, C("\x00\x11ClickHouse client\x15\x08"), S("\x00\x0aClickHouse\x15\x08"))
)

func TestClickHouse(t *testing.T) {
	wantProtocol(t, clickhouseTalk, "clickhouse", `"client":"ClickHouse client"`)
	wantProtocol(t, tcp(1, C("\x00\x05other123456"), S("\x00\x0aClickHouse\x15\x08")), "clickhouse")
	wantNot(t, tcp(9000, C("\x00\x05other123456"), S("\x00\x05other\x00")), "clickhouse")
	testTruncations(t, "clickhouse", clickhouseTalk, 12)
	wantNoAllocations(t, "clickhouse", clickhouseTalk)
}

func FuzzClickHouse(f *testing.F) { fuzzTalks(f, "clickhouse", clickhouseTalk) }

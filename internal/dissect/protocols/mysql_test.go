// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the layout of HandshakeV10, HandshakeResponse41 and SSLRequest.
var (
	mysqlGreeting = SX("4a000000 0a 382e302e333600 08000000 0102030405060708 00 ffff ff 0200 ffdf 15 " +
		"00000000000000000000" +
		"0102030405060708090a0b0c00 63616368696e675f736861325f70617373776f726400")
	mysqlClear = tcp(3306, mysqlGreeting, CX("2b000001 85a6ff01 00000001 2d "+
		"0000000000000000000000000000000000000000000000 726f6f7400 00 6100 0000 0000"))
	mysqlTLS = tcp(3306, mysqlGreeting, CX("20000001 85aeff01 00000001 2d "+
		"0000000000000000000000000000000000000000000000"))
	mysqlX = tcp(33060, SX("05000000 0b 08051a00"))
)

func TestMySQL(t *testing.T) {
	wantProtocol(t, mysqlClear, "mysql", `"server_version":"8.0.36"`, `"auth_plugin":"caching_sha2_password"`,
		`"user":"root"`)
	wantProtocol(t, mysqlTLS, "mysql", `"ssl_request":true`)
	wantProtocol(t, mysqlX, "mysql")
	other := mysqlClear
	other.ServerPort = 4000
	wantProtocol(t, other, "mysql")
	wantProtocol(t, tcp(3306, mysqlClear.Says[1]), "mysql", `"user":"root"`)
	wantProtocol(t, tcp(3306, S("\x17\x00\x00\x00\xff\x10\x04Too many connections")), "mysql")
	wantNot(t, tcp(3306, SX("4a000000 0a 38 ff")), "mysql")
	wantNot(t, tcp(3306, S("\x17\x00\x00\x00\xff\x12\x04Too many connections")), "mysql")
	testTruncations(t, "mysql", mysqlClear, 78)
	testTruncations(t, "mysql", mysqlTLS, 78)
	wantNoAllocations(t, "mysql", mysqlClear)
}

func FuzzMySQL(f *testing.F) { fuzzTalks(f, "mysql", mysqlClear, mysqlTLS, mysqlX) }

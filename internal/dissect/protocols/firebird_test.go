// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the wire protocol's tables.
var firebirdConnect = tcp(3050, CX("00000001 00000013 00000003 00000024 0000000b 656d706c6f7965652e6664 00 00000002 "+
	"00000000"))

func TestFirebird(t *testing.T) {
	wantProtocol(t, firebirdConnect, "firebird", `"database":"employee.fd"`)
	wantNot(t, tcp(3050, CX("00000001 00000014 00000004 00000024 0000000b 656d706c6f7965652e6664 00 00000002")),
		"firebird")
	wantNot(t, tcp(3050, CX("00000001 00000013 00000003 00000024 0000000b 656d706c6f7965652e6664 00 00000000")),
		"firebird")
	testTruncations(t, "firebird", firebirdConnect, 36)
	wantNoAllocations(t, "firebird", firebirdConnect)
}

func FuzzFirebird(f *testing.F) { fuzzTalks(f, "firebird", firebirdConnect) }

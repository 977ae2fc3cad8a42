// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// Built by hand from "Message Formats".
var (
	postgresLogin = tcp(5432,
		C("\x00\x00\x00\x38\x00\x03\x00\x00user\x00alice\x00database\x00shop\x00application_name\x00psql\x00\x00"),
		S("R\x00\x00\x00\x08\x00\x00\x00\x00S\x00\x00\x00\x18server_version\x0016.2\x00"))
	postgresAskSSL = tcp(5432, CX("00000008 04d2162f"), S("N"), postgresLogin.Says[0], postgresLogin.Says[1])
	postgresMid    = talk{Over: dissect.TCP, ServerPort: 5432, Midstream: true, Says: []say{
		C("Q\x00\x00\x00\x0dselect 1\x00"), S("C\x00\x00\x00\x0dSELECT 1\x00Z\x00\x00\x00\x05I")}}
)

func TestPostgreSQL(t *testing.T) {
	wantProtocol(t, postgresLogin, "postgresql", `"user":"alice"`, `"database":"shop"`, `"application_name":"psql"`,
		`"server_version":"16.2"`)
	wantProtocol(t, postgresAskSSL, "postgresql", `"user":"alice"`)
	wantProtocol(t, postgresMid, "postgresql")
	wantProtocol(t, tcp(4000, CX("00000010 04d2162e 00000001 00000002")), "postgresql")
	wantProtocol(t, tcp(4000, CX("00000008 04d2162f")), "postgresql")
	wantNot(t, tcp(5432, C("\x00\x00\x00\x13\x00\x03\x00\x00name\x00alice\x00\x00")), "postgresql")
	wantNot(t, tcp(5432, CX("00000008 04d21600"), S("N")), "postgresql")
	testTruncations(t, "postgresql", postgresLogin, 56)
	testTruncations(t, "postgresql", postgresAskSSL, 8)
	testTruncations(t, "postgresql", postgresMid, 99)
	wantNoAllocations(t, "postgresql", postgresLogin)
}

func FuzzPostgreSQL(f *testing.F) {
	fuzzTalks(f, "postgresql", postgresLogin, postgresAskSSL, postgresMid)
}

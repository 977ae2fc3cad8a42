// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages of RFC 7047 §4.1, in the form of ovs-vsctl and ovsdb-server.
var (
	ovsdbList = tcp(6640, C(`{"id":0,"method":"list_dbs","params":[]}`),
		S(`{"error":null,"id":0,"result":["Open_vSwitch","_Server"]}`))
	ovsdbTransact = tcp(4000, C(
		`{"method":"transact","id":2,"params":["Open_vSwitch",{"op":"select","table":"Bridge","where":[]}]}`))
	ovsdbEcho = tcp(6640, S(`{"id":"echo","method":"echo","params":[]}`), C(`{"error":null,"id":"echo","result":[]}`))
)

func TestOVSDB(t *testing.T) {
	wantProtocol(t, ovsdbList, "ovsdb", `"method":"list_dbs"`)
	wantProtocol(t, ovsdbTransact, "ovsdb", `"method":"transact"`)
	wantProtocol(t, ovsdbEcho, "ovsdb", `"method":"echo"`)
	wantNot(t, tcp(6640, C(`{"jsonrpc":"2.0","id":0,"method":"list_dbs","params":[]}`)), "ovsdb")
	wantNot(t, tcp(6640, C(`{"id":1,"method":"echo","params":["hello"]}`)), "ovsdb")
	wantNot(t, tcp(6640, C(`{"method":"list_dbs"}`)), "ovsdb")
	for _, k := range []talk{ovsdbList, ovsdbTransact, ovsdbEcho} {
		testTruncations(t, "ovsdb", k, 30)
		wantNoAllocations(t, "ovsdb", k)
	}
}

func FuzzOVSDB(f *testing.F) { fuzzTalks(f, "ovsdb", ovsdbList, ovsdbTransact, ovsdbEcho) }

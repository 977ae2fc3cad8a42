// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// Built by hand from the wire protocol's description.
var (
	mongoHello = bsonDoc("\x10hello\x00\x01\x00\x00\x00" + "\x02$db\x00\x06\x00\x00\x00admin\x00" +
		"\x03client\x00" + bsonDoc("\x03application\x00"+bsonDoc("\x02name\x00\x05\x00\x00\x00shop\x00")))
	mongoOpMsg   = tcp(27017, C(mongoMessage(1, 0, mongoMsg, "\x00\x00\x00\x00\x00"+mongoHello)))
	mongoOpQuery = tcp(4000, C(mongoMessage(1, 0, mongoQuery, "\x00\x00\x00\x00admin.$cmd\x00\x00\x00\x00\x00\xff\xff"+
		"\xff\xff"+bsonDoc("\x10isMaster\x00\x01\x00\x00\x00"))))
	mongoOpReply = tcp(27017, S(mongoMessage(7, 1, mongoReply, "\x08\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\x00\x00"+
		"\x00\x00\x00\x00"+"\x01\x00\x00\x00"+bsonDoc("\x08ok\x00\x01"))))
	mongoZlib = tcp(27017, C(mongoMessage(1, 0, mongoCompressed, "\xdd\x07\x00\x00\x40\x00\x00\x00\x02\x78\x9c")))
)

func bsonDoc(elements string) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(elements)+bsonMinimum))) + elements + "\x00"
}

func mongoMessage(id, to, opcode uint32, body string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(mongoHeader+len(body)))
	for _, n := range []uint32{id, to, opcode} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return append(b, body...)
}

func TestMongoDB(t *testing.T) {
	wantProtocol(t, mongoOpMsg, "mongodb", `"command":"hello"`, `"database":"admin"`, `"application":"shop"`)
	wantProtocol(t, mongoOpQuery, "mongodb", `"command":"isMaster"`)
	wantProtocol(t, mongoOpReply, "mongodb")
	wantProtocol(t, mongoZlib, "mongodb")
	wantNot(t, tcp(27017, C(mongoMessage(1, 0, 2014, mongoHello))), "mongodb")
	wantNot(t, tcp(27017, C(mongoMessage(1, 0, mongoMsg, "\x00\x01\x00\x00\x00"+mongoHello))), "mongodb")
	wantNot(t, tcp(27017, C(mongoMessage(1, 0, mongoMsg, "\x00\x00\x00\x00\x00\xff\xff\xff\x00\x00"))), "mongodb")
	testTruncations(t, "mongodb", mongoOpMsg, mongoHeader+10)
	testTruncations(t, "mongodb", mongoOpQuery, mongoHeader+20)
	testTruncations(t, "mongodb", mongoOpReply, mongoHeader+20)
	wantNoAllocations(t, "mongodb", mongoOpMsg)
}

func FuzzMongoDB(f *testing.F) {
	fuzzTalks(f, "mongodb", mongoOpMsg, mongoOpQuery, mongoOpReply, mongoZlib)
}

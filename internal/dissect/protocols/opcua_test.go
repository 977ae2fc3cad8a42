// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// Built by hand from OPC 10000-6 §7.1.2.
func opcMessage(kind, body string) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(opcHeader+len(body))), body...)
}

var (
	opcHelloTalk = tcp(4840, C(opcMessage("HELF", string(make([]byte, 20))+"\x17\x00\x00\x00opc.tcp://plc.lan:4840/")),
		S(opcMessage("ACKF", string(make([]byte, 20)))))
	opcOpenTalk = tcp(4000, C(opcMessage("OPNF", "\x00\x00\x00\x00\x2f\x00\x00\x00http://opcfoundation.org/UA/Securit"+
		"yPolicy#None"+"\xff\xff\xff\xff")))
	opcMid = tcp(4840, C(opcMessage("MSGF", "\x01\x00\x00\x00\x01\x00\x00\x00")))
)

func TestOPCUA(t *testing.T) {
	if h := wantProtocol(t, opcHelloTalk, "opc-ua", `"endpoint_url":"opc.tcp://plc.lan:4840/"`); h.Host != "plc.lan" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, opcOpenTalk, "opc-ua", `"security_policy":"None"`)
	wantProtocol(t, opcMid, "opc-ua")
	wantNot(t, tcp(4840, C("HELO mail.example\r\n")), "opc-ua")
	wantNot(t, tcp(4840, C("MSGF 5 and a half years\r\n")), "opc-ua")
	testTruncations(t, "opc-ua", opcHelloTalk, 55)
	testTruncations(t, "opc-ua", opcOpenTalk, 63)
	wantNoAllocations(t, "opc-ua", opcHelloTalk)
}

func FuzzOPCUA(f *testing.F) { fuzzTalks(f, "opc-ua", opcHelloTalk, opcOpenTalk, opcMid) }

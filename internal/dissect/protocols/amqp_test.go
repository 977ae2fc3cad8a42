// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from AMQP 0-9-1 §4.2.
var (
	amqp091 = tcp(5672, C("AMQP\x00\x00\x09\x01"), SX("01 0000 00000006 000a 000a 0009 ce"))
	amqp10  = tcp(4000, C("AMQP\x03\x01\x00\x00"), S("AMQP\x03\x01\x00\x00"))
	amqpMid = tcp(5672, CX("01 0001 00000006 003c 0028 0000 ce"),
		CX("02 0001 0000000e 003c 0000 0000000000000001 0000 ce"))
)

func TestAMQP(t *testing.T) {
	wantProtocol(t, amqp091, "amqp", `"version":"0-9-1"`)
	wantProtocol(t, amqp10, "amqp", `"version":"1.0"`)
	wantProtocol(t, amqpMid, "amqp")
	wantProtocol(t, tcp(5672, CX("08 0000 00000000 ce")), "amqp")
	wantNot(t, tcp(5672, C("AMQP\x00\x07\x09\x01")), "amqp")
	wantNot(t, tcp(5672, CX("08 0000 00000000 cf")), "amqp")
	testTruncations(t, "amqp", amqp091, 8)
	testTruncations(t, "amqp", amqpMid, 99)
	wantNoAllocations(t, "amqp", amqp091)
}

func FuzzAMQP(f *testing.F) { fuzzTalks(f, "amqp", amqp091, amqp10, amqpMid) }

// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the protocol guide.
var (
	kafkaAsk = tcp(9092,
		C("\x00\x00\x00\x1f\x00\x12\x00\x03\x00\x00\x00\x01\x00\x04shop\x00\x0alibrdkafk\x062.3.0"+"\x00"),
		SX("0000000a 00000001 0000 00000000"))
	kafkaNoName = tcp(4000, CX("0000000e 0003 0000 00000007 ffff 00000000"), SX("00000008 00000007 00000000"))
)

func TestKafka(t *testing.T) {
	wantProtocol(t, kafkaAsk, "kafka", `"client_id":"shop"`, `"api_key":18`, `"client_software":"librdkafk"`,
		`"client_version":"2.3.0"`)
	wantProtocol(t, kafkaNoName, "kafka")
	wantNot(t, tcp(9092, kafkaNoName.Says[0], SX("00000008 00000008 00000000")), "kafka")
	wantNot(t, tcp(9092, CX("0000000e 0103 0000 00000007 ffff 00000000"), SX("00000008 00000007 00000000")), "kafka")
	testTruncations(t, "kafka", kafkaAsk, 34)
	testTruncations(t, "kafka", kafkaNoName, 99)
	wantNoAllocations(t, "kafka", kafkaAsk)
}

func FuzzKafka(f *testing.F) { fuzzTalks(f, "kafka", kafkaAsk, kafkaNoName) }

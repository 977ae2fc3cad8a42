// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from MQTT 5.0 §3.
var (
	mqtt311     = tcp(1883, C("\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06sensor"), SX("20020000"))
	mqtt5       = tcp(4000, C("\x10\x14\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x04lamp"), SX("2003000000"))
	mqtt31      = tcp(1883, C("\x10\x16\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x01a\x00\x01u\x00\x01p"))
	mqttMid     = tcp(1883, C("\x30\x1c\x00\x18home/kitchen/temperature/21.5"), SX("d000"))
	mqttPing    = tcp(1883, CX("c000"), SX("d000"), CX("c000"), SX("d000"))
	mqttQuality = tcp(1883, S("\x32\x0e\x00\x08dev/lamp\x00\x01on"), CX("40020001"))
)

func TestMQTT(t *testing.T) {
	wantProtocol(t, mqtt311, "mqtt", `"version":4`, `"client_id":"sensor"`)
	wantProtocol(t, mqtt5, "mqtt", `"version":5`, `"client_id":"lamp"`)
	if h := wantProtocol(t, mqtt31, "mqtt", `"version":3`); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	wantProtocol(t, mqttMid, "mqtt")
	wantProtocol(t, mqttPing, "mqtt")
	wantProtocol(t, mqttQuality, "mqtt")
	wantNot(t, tcp(1883, C("\x10\x12\x00\x04MQTX\x04\x02\x00\x3c\x00\x06sensor")), "mqtt")
	wantNot(t, tcp(1883, CX("c000"), SX("d001")), "mqtt")
	wantNot(t, tcp(1883, CX("c000"), SX("d000")), "mqtt")
	testTruncations(t, "mqtt", mqtt311, 12)
	testTruncations(t, "mqtt", mqtt5, 12)
	testTruncations(t, "mqtt", mqttQuality, 99)
	wantNoAllocations(t, "mqtt", mqtt311)
}

func FuzzMQTT(f *testing.F) { fuzzTalks(f, "mqtt", mqtt311, mqtt5, mqtt31, mqttMid, mqttPing) }

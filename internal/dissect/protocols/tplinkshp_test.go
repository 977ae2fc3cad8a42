// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// Built by hand: the messages of public descriptions.
var (
	tplinkAsk = udp(9999, C(tplinkEncode(`{"system":{"get_sysinfo":{}}}`)),
		S(tplinkEncode(`{"system":{"get_sysinfo":{"sw_ver":"1.5.6","model":"HS110(EU)",`+
			`"deviceId":"8006E","alias":"Lamp"}}}`)))
	tplinkTCP = tcp(9999, C(append(binary.BigEndian.AppendUint32(nil, 29),
		tplinkEncode(`{"system":{"get_sysinfo":{}}}`)...)))
)

func tplinkEncode(s string) []byte {
	b, key := []byte(s), byte(tplinkKey)
	for i := range b {
		b[i] ^= key
		key = b[i]
	}
	return b
}

func TestTPLink(t *testing.T) {
	wantProtocol(t, tplinkAsk, "tp-link-shp", `"model":"HS110(EU)"`, `"alias":"Lamp"`)
	wantProtocol(t, tplinkTCP, "tp-link-shp")
	wantNot(t, udp(9999, C(tplinkEncode("{\x01system"))), "tp-link-shp")
	wantNot(t, udp(9999, C("{\"system\":{}}")), "tp-link-shp")
	testTruncations(t, "tp-link-shp", tplinkAsk, 8)
	testTruncations(t, "tp-link-shp", tplinkTCP, 12)
	wantNoAllocations(t, "tp-link-shp", tplinkAsk)
}

func FuzzTPLink(f *testing.F) { fuzzTalks(f, "tp-link-shp", tplinkAsk, tplinkTCP) }

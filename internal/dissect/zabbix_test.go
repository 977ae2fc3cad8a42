// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// The messages are built after the manual.
var zabbixTalk = tcp(10051, C("ZBXD\x01\x1b\x00\x00\x00\x00\x00\x00\x00"+`{"request":"active checks"}`))

func TestZabbix(t *testing.T) {
	wantProtocol(t, zabbixTalk, "zabbix", `"request":"active checks"`)
	wantNot(t, tcp(10051, C("ZBXD\x08\x1b\x00\x00\x00\x00\x00\x00\x00"+`{"request":"active checks"}`)), "zabbix")
	testTruncations(t, "zabbix", zabbixTalk, 21)
	wantNoAllocations(t, "zabbix", zabbixTalk)
}

func FuzzZabbix(f *testing.F) { fuzzTalks(f, "zabbix", zabbixTalk) }

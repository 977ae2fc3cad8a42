// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after the manual.
var zabbixTalk = tcp(10051, C("ZBXD\x01\x1b\x00\x00\x00\x00\x00\x00\x00"+`{"request":"active checks"}`))

func TestZabbix(t *testing.T) {
	wantProtocol(t, zabbixTalk, "zabbix", `"request":"active checks"`)
	wantProtocol(t, tcp(10050, C("agent.ping\n"), S("ZBXD\x01\x01\x00\x00\x00\x00\x00\x00\x001_______")), "zabbix")
	wantNot(t, tcp(10051, C("ZBXD\x08\x1b\x00\x00\x00\x00\x00\x00\x00"+`{"request":"active checks"}`)), "zabbix")
	testTruncations(t, "zabbix", zabbixTalk, 13)
	wantNoAllocations(t, "zabbix", zabbixTalk)
}

func FuzzZabbix(f *testing.F) { fuzzTalks(f, "zabbix", zabbixTalk) }

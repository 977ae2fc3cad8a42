// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The first exchange is the implementation guide's example with the application protocol's registers of §6.3.
var (
	modbusRead = tcp(502, CX("1501 0000 0006 ff 03 006b 0003"), SX("1501 0000 0009 ff 03 06 022b 0000 0064"))
	modbusFail = tcp(4000, CX("0001 0000 0006 01 01 04a1 0001"), SX("0001 0000 0003 01 81 02"))
	modbusUdp  = udp(502, modbusRead.Says[0], modbusRead.Says[1])
	umasTalk   = tcp(502, CX("0001 0000 0004 00 5a 00 02"), SX("0001 0000 0006 00 5a 00 fe 0000"))
)

func TestModbus(t *testing.T) {
	wantProtocol(t, modbusRead, "modbus", `"unit_id":255`, `"function":3`)
	wantProtocol(t, modbusFail, "modbus", `"exception":2`)
	wantProtocol(t, modbusUdp, "modbus")
	if h := wantProtocol(t, umasTalk, "modbus", `"function":90`); h.Application != "umas" {
		t.Errorf("application %q", h.Application)
	}
	q := modbusRead.Says[0]
	wantProtocol(t, tcp(502, q, q, q, q), "modbus")
	wantNot(t, tcp(502, q), "modbus")
	wantNot(t, tcp(502, q, SX("1502 0000 0009 ff 03 06 022b 0000 0064")), "modbus")
	wantNot(t, tcp(502, CX("1501 0001 0006 ff 03 006b 0003"), SX("1501 0000 0009 ff 03 06 022b 0000 0064")), "modbus")
	testTruncations(t, "modbus", modbusRead, 99)
	wantNoAllocations(t, "modbus", modbusRead)
}

func FuzzModbus(f *testing.F) { fuzzTalks(f, "modbus", modbusRead, modbusFail, umasTalk) }

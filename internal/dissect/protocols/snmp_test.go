// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The messages are built after RFC 1157 §4, RFC 3416 §3 and RFC 3412 §6.
var (
	snmpGet = udp(161, CX("3026 020101 0406 7075626c6963 a019 020412345678 020100 020100 300b 3009 06052b06010201 "+
		"0500"))
	snmpTrap  = udp(162, CX("301f 020100 0406 7075626c6963 a412 06052b06010401 4004c0000201 020106 020100"))
	snmpProbe = udp(161, CX("303a 020103 300f 02020101 020300ffe3 040104 020103 0414 3012 0404 80001f88 020100 "+
		"020100 0403 616e6e 0400 0400 040e 0000000000000000000000000000"))
	// Discovery, its report, and a message with privacy and a reserved flag.
	snmpSecured = udp(161, CX("3036 020103 300f 02020101 020300ffe3 040104 020103 0410 300e 0400 020100 020100 0400 "+
		"0400 0400 "+"300e 0400 0400 a008 020101 020100 3000"),
		SX("303a 020103 300f 02020101 020300ffe3 040100 020103 0414 3012 0404 80001f88 020100 020100 0400 0400 0400 "+
			"300e 0400 0400 a808 020101 020100 3000"),
		CX("3039 020103 300f 02020102 020300ffe3 04010f 020103 0417 3015 0404 80001f88 020100 020100 0403 616e6e "+
			"0400 0400 040a 00000000000000000000"))
)

func TestSNMP(t *testing.T) {
	wantProtocol(t, snmpGet, "snmp", `"version":"2c"`, `"community":"public"`, `"pdu":"get"`)
	wantProtocol(t, snmpTrap, "snmp", `"version":"1"`, `"pdu":"trap-v1"`)
	wantProtocol(t, snmpProbe, "snmp", `"version":"3"`, `"user":"ann"`, `"engine_id":"80001f88"`)
	// Discovery and its report don't show encryption, but later messages do (RFC 3412 §6.4, RFC 3414 §4).
	if h := wantProtocol(t, udp(161, snmpSecured.Says[:2]...), "snmp", `"version":"3"`); strings.Contains(
		h.Info, "encrypted") {
		t.Errorf("a discovery shows encryption: %s", h.Info)
	}
	wantProtocol(t, snmpSecured, "snmp", `"encrypted":true`, `"user":"ann"`, `"engine_id":"80001f88"`)
	wantProtocol(t, tcp(161, snmpSecured.Says...), "snmp", `"encrypted":true`, `"user":"ann"`)
	testTruncations(t, "snmp", snmpSecured, 40)
	wantNoAllocations(t, "snmp", snmpSecured)
	wantNot(t, udp(161, CX("3026 020107 0406 7075626c6963 a019 020412345678 020100 020100 300b 3009 06052b06010201 "+
		"0500")), "snmp")
	wantNot(t, udp(161, CX("3026 020101 0406 7075626c6963 6019 020412345678 020100 020100 300b 3009 06052b06010201 "+
		"0500")), "snmp")
	testTruncations(t, "snmp", snmpGet, 20)
	testTruncations(t, "snmp", snmpTrap, 20)
	testTruncations(t, "snmp", snmpProbe, 40)
	wantNoAllocations(t, "snmp", snmpProbe)
}

func FuzzSNMP(f *testing.F) { fuzzTalks(f, "snmp", snmpGet, snmpTrap, snmpProbe, snmpSecured) }

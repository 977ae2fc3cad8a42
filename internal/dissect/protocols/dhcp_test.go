// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The messages are built after RFC 2131 §2.
var (
	dhcpHeader = "\x01\x01\x06\x00\x12\x34\x56\x78\x00\x00\x80\x00" + strings.Repeat("\x00", 16) +
		"\x02\x00\x5e\x10\x00\x01" + strings.Repeat("\x00", 202)
	dhcpDiscover = talk{Over: dissect.UDP, ClientPort: 68, ServerPort: 67, Says: []say{
		C(dhcpHeader + dhcpMagic + "\x35\x01\x01\x32\x04\xc0\x00\x02\x09\x0c\x06laptop\x3c\x08MSFT " +
			"5.0\x37\x04\x01\x03\x06\x0f\x51\x09\x00\x00\x00pc.lan\xff")}}
	bootpRequest = talk{Over: dissect.UDP, ClientPort: 68, ServerPort: 67,
		Says: []say{C(dhcpHeader + strings.Repeat("\x00", 64))}}
)

func TestDHCP(t *testing.T) {
	wantProtocol(t, dhcpDiscover, "dhcp", `"message_type":"discover"`, `"requested_ip":"192.0.2.9"`,
		`"host_name":"laptop"`,
		`"class":"MSFT 5.0"`, `"fingerprint":"1,3,6,15"`, `"fqdn":"pc.lan"`, `"client_mac":"02:00:5e:10:00:01"`)
	wantProtocol(t, bootpRequest, "dhcp", `"message_type":"bootp"`)
	other := bootpRequest
	other.ClientPort = 4000
	wantNot(t, other, "dhcp")
	wantNot(t, udp(67, C(strings.Repeat("\x01", 300))), "dhcp")
	testTruncations(t, "dhcp", dhcpDiscover, dhcpOptions)
	testTruncations(t, "dhcp", bootpRequest, 300)
	wantNoAllocations(t, "dhcp", dhcpDiscover)
}

func FuzzDHCP(f *testing.F) { fuzzTalks(f, "dhcp", dhcpDiscover, bootpRequest) }

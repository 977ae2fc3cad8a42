// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 8415 §8 and §9.
const dhcpv6Solicit = "01 123456 0001 000a 0003 0001 02005e100001" + "0006 0004 0017 0018" +
	"0010 000e 00000137 0008 4d53465420352e30" + "0027 0008 00 027063 036c616e"

var (
	dhcpv6Talk  = udp(547, CX(dhcpv6Solicit))
	dhcpv6Relay = udp(547, CX("0c 00 20010db8000000000000000000000001 fe800000000000000000000000000001 0009 0038 "+
		dhcpv6Solicit))
)

func TestDHCPv6(t *testing.T) {
	wantProtocol(t, dhcpv6Talk, "dhcpv6", `"message_type":"solicit"`, `"fingerprint":"23,24"`, `"enterprise":311`,
		`"class":"MSFT 5.0"`, `"fqdn":"pc.lan"`)
	wantProtocol(t, dhcpv6Relay, "dhcpv6", `"message_type":"relay-forward"`, `"fqdn":"pc.lan"`)
	wantNot(t, udp(547, CX(dhcpv6Solicit+"00")), "dhcpv6")
	wantNot(t, udp(547, CX("01 123456")), "dhcpv6")
	wantNot(t, udp(547, CX("1f 123456 0001 0000")), "dhcpv6")
	testTruncations(t, "dhcpv6", dhcpv6Talk, 18)
	testTruncations(t, "dhcpv6", dhcpv6Relay, 38)
	wantNoAllocations(t, "dhcpv6", dhcpv6Talk)
}

func FuzzDHCPv6(f *testing.F) { fuzzTalks(f, "dhcpv6", dhcpv6Talk, dhcpv6Relay) }

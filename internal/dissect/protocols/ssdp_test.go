// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages follow UPnP Device Architecture 2.0 §1.2.2 and §1.3.3.
var (
	ssdpSearch = udp(1900, C("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: "+
		"1\r\nST: upnp:rootdevice\r\nST: again\r\nUSER-AGENT: OS/1 UPnP/2.0 app/1\r\n\r\n"))
	ssdpReply = udp(50000, S("HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nLocation: "+
		"http://192.0.2.1:80/d.xml\r\nServer: OS/1 UPnP/2.0 dev/1\r\nST: upnp:rootdevice\r\nUSN: "+
		"uuid:1::upnp:rootdevice\r\n\r\n"))
)

func TestSSDP(t *testing.T) {
	wantProtocol(t, ssdpSearch, "ssdp", `"method":"M-SEARCH"`, `"st":"upnp:rootdevice"`, `"man":"ssdp:discover"`,
		`"user_agent":"OS/1 UPnP/2.0 app/1"`)
	wantProtocol(t, ssdpReply, "ssdp", `"method":"response"`, `"location":"http://192.0.2.1:80/d.xml"`,
		`"server":"OS/1 UPnP/2.0 dev/1"`)
	wantNot(t, udp(1900, C("M-SEARCH now, or never at all\r\n")), "ssdp")
	wantNot(t, udp(1900, S("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")), "ssdp")
	testTruncations(t, "ssdp", ssdpSearch, 18)
	testTruncations(t, "ssdp", ssdpReply, 20)
	wantNoAllocations(t, "ssdp", ssdpSearch)
}

func FuzzSSDP(f *testing.F) { fuzzTalks(f, "ssdp", ssdpSearch, ssdpReply) }

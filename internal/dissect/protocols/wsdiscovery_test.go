// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The message follows OASIS WS-Discovery 1.1 §5.2.
var wsdProbe = udp(3702, C(`<?xml version="1.0"?><s:Envelope `+
	`xmlns:s="http://www.w3.org/2003/05/soap-envelope" `+
	`xmlns:d="http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01">`+
	`<s:Header><a:Action>http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/Probe`+
	`</a:Action></s:Header></s:Envelope>`))

func TestWSDiscovery(t *testing.T) {
	wantProtocol(t, wsdProbe, "ws-discovery", `"action":"Probe"`)
	other := udp(3702, C(strings.ReplaceAll(string(wsdProbe.Says[0].Bytes), "discovery", "eventing")))
	wantNot(t, other, "ws-discovery")
	testTruncations(t, "ws-discovery", wsdProbe, 64)
	wantNoAllocations(t, "ws-discovery", wsdProbe)
}

func FuzzWSDiscovery(f *testing.F) { fuzzTalks(f, "ws-discovery", wsdProbe) }

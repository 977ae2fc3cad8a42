// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the standard: a search request with its discovery endpoint.
var knxSearch = udp(3671, CX("0610 0201 000e 0801 c0a80001 0e57"))

func TestKNXnetIP(t *testing.T) {
	wantProtocol(t, knxSearch, "knxnet-ip", `"service":513`)
	wantProtocol(t, tcp(4000, knxSearch.Says[0]), "knxnet-ip")
	wantNot(t, udp(3671, CX("0610 0201 000f 0801 c0a80001 0e57")), "knxnet-ip")
	wantNot(t, udp(3671, CX("0610 0101 000e 0801 c0a80001 0e57")), "knxnet-ip")
	testTruncations(t, "knxnet-ip", knxSearch, 14)
	wantNoAllocations(t, "knxnet-ip", knxSearch)
}

func FuzzKNXnetIP(f *testing.F) { fuzzTalks(f, "knxnet-ip", knxSearch) }

// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from gmond's document type and gm_protocol.x.
var (
	gangliaXML = tcp(8649, S("<?xml version=\"1.0\" encoding=\"ISO-8859-1\" standalone=\"yes\"?>\n<!DOCTYPE "+
		"GANGLIA_XML [\n"))
	gangliaLoad = udp(8649, CX("00000086 00000004 6e6f6465 00000008 6c6f61645f6f6e65 00000000 00000003 252e32 00"))
)

func TestGanglia(t *testing.T) {
	wantProtocol(t, gangliaXML, "ganglia")
	wantProtocol(t, gangliaLoad, "ganglia", `"host":"node"`, `"metric":"load_one"`)
	wantNot(t, tcp(8649, S("<?xml version=\"1.0\"?>\n<html></html>\n")), "ganglia")
	wantNot(t, udp(8649, CX("00000086 00000004 6e6f6465 00000007 6c6f61645f6f6e65 00000000")), "ganglia")
	testTruncations(t, "ganglia", gangliaXML, 76)
	testTruncations(t, "ganglia", gangliaLoad, 28)
	wantNoAllocations(t, "ganglia", gangliaLoad)
}

func FuzzGanglia(f *testing.F) { fuzzTalks(f, "ganglia", gangliaXML) }

func FuzzGangliaMetrics(f *testing.F) { fuzzTalks(f, "ganglia", gangliaLoad) }

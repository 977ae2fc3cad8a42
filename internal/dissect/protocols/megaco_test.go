// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are shaped after RFC 3525 appendix I.1.
var (
	megacoLong = udp(2944, C("MEGACO/1 [192.0.2.4]:55555\nTransaction = 9998 {\n Context = - {\n ServiceChange = "+
		"ROOT {Services {\n Method=Restart}}}}\n"))
	megacoShort = udp(2944, C("!/1 [192.0.2.4]:2944\nT=50000{C=-{AV=ip/1/1{AT{}}}}"))
	megacoTCP   = tcp(2944, C("\x03\x00\x00\x40!/2 <mgc.example.org>\nT=50000{C=-{AV=ip/1/1{AT{}}}}"))
)

func TestMegaco(t *testing.T) {
	wantProtocol(t, megacoLong, "megaco", `"version":1`, `"sender":"[192.0.2.4]:55555"`)
	wantProtocol(t, megacoShort, "megaco", `"version":1`, `"sender":"[192.0.2.4]:2944"`)
	wantProtocol(t, megacoTCP, "megaco", `"version":2`, `"sender":"<mgc.example.org>"`)
	wantNot(t, udp(2944, C("!/x [192.0.2.4]:2944\n")), "megaco")
	wantNot(t, udp(2944, C("!/1 hello world\n")), "megaco")
	wantNot(t, udp(2944, C("MEGACO/0 [192.0.2.4]\n")), "megaco")
	for _, k := range []talk{megacoLong, megacoShort, megacoTCP} {
		testTruncations(t, "megaco", k, 16)
		wantNoAllocations(t, "megaco", k)
	}
}

func FuzzMegaco(f *testing.F) { fuzzTalks(f, "megaco", megacoLong, megacoShort) }

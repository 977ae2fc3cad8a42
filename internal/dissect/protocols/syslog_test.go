// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The first two are the examples of RFC 3164 §5.4 and RFC 5424 §6.5.
var (
	syslogBSD  = udp(514, C("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8"))
	syslogIETF = udp(514, C("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed "+
		"for lonvick on /dev/pts/8"))
	syslogCount   = tcp(601, C("52 <34>1 - host.example app 17 - - something went wrong."))
	syslogNoStamp = udp(514, C("<190>46: *Mar  1 00:00:15.003: %SYS-5-CONFIG_I: Configured from console"))
)

func TestSyslog(t *testing.T) {
	wantProtocol(t, syslogBSD, "syslog", `"facility":4`, `"severity":2`, `"host":"mymachine"`, `"app":"su"`)
	wantProtocol(t, syslogIETF, "syslog", `"host":"mymachine.example.com"`, `"app":"su"`)
	wantProtocol(t, syslogCount, "syslog", `"host":"host.example"`)
	wantProtocol(t, syslogNoStamp, "syslog")
	for _, s := range []string{"<xml>hello: world</xml>", "<200>Oct 11 22:14:15 host su: x",
		"<034>Oct 11 22:14:15 host su: x", "<34>\x00\x01\x02\x03\x04\x05\x06\x07\x08:"} {
		wantNot(t, udp(514, C(s)), "syslog")
	}
	wantNot(t, udp(4000, C("<34>hello: world")), "syslog")
	for _, k := range []talk{syslogBSD, syslogIETF, syslogCount} {
		testTruncations(t, "syslog", k, 12)
		wantNoAllocations(t, "syslog", k)
	}
}

func FuzzSyslog(f *testing.F) { fuzzTalks(f, "syslog", syslogBSD, syslogIETF, syslogCount) }

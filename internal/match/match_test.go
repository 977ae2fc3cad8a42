// SPDX-License-Identifier: Apache-2.0

package match

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

const agent = "00112233445566778899aabbccddeeff"

// laptop watches a video from a server in the WAN.
func laptop() *record.Flow {
	return &record.Flow{
		Proto: 6, IPVersion: 4,
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.168.1.7:50000"), MAC: [6]byte{2, 0, 0, 0, 0, 7},
			Side: record.SideLAN, Bytes: 1000},
		Server:    record.Endpoint{Addr: netip.MustParseAddrPort("203.0.113.9:443"), Side: record.SideWAN, Bytes: 9000},
		Direction: record.DirectionOutbound, Protocol: "tls", Application: "youtube", Category: "video-streaming",
		Hostname: []byte("r1.example.org"), Method: record.MethodDPI, Risks: 1 << record.RiskTLSWeakCipher,
	}
}

// knock comes from the WAN to a device without a known MAC address.
func knock() *record.Flow {
	return &record.Flow{
		Proto: 17, IPVersion: 6,
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("[2001:db8:1:2::3]:53"), Side: record.SideWAN,
			Bytes: 70},
		Server:    record.Endpoint{Addr: netip.MustParseAddrPort("[fd00::5]:5353"), Side: record.SideLAN},
		Direction: record.DirectionInbound,
	}
}

// call is of two ends whose sides nobody knows.
func call() *record.Flow {
	return &record.Flow{
		Proto: 17, IPVersion: 4,
		Client:   record.Endpoint{Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Bytes: 500},
		Server:   record.Endpoint{Addr: netip.MustParseAddrPort("10.0.7.2:5060"), Bytes: 500},
		Protocol: "sip", Method: record.MethodPort,
	}
}

func TestFilter(t *testing.T) {
	flows := map[string]*record.Flow{"laptop": laptop(), "knock": knock(), "call": call()}
	names := func(name string, mac [6]byte, a netip.Addr) bool {
		return name == "Ben" && (mac == [6]byte{2, 0, 0, 0, 0, 7} || a == netip.MustParseAddr("fd00::5"))
	}
	for text, want := range map[string]string{
		"":                            "laptop knock call",
		"app:youtube":                 "laptop",
		"app!=youtube":                "knock call",
		`app:""`:                      "knock call",
		"proto:sip":                   "call",
		"category:video-streaming":    "laptop",
		"youtube":                     "laptop",
		"host:r1.example.org":         "laptop",
		"host:example.org":            "",
		"host:*.example.org":          "laptop",
		"host:*.xample.org":           "",
		"host!=*.example.org":         "knock call",
		`host:""`:                     "knock call",
		"device:02:00:00:00:00:07":    "laptop",
		"device:fd00::5":              "knock",
		"device:192.168.1.7":          "", // its MAC address is known
		`device:""`:                   "call",
		"device:@Ben":                 "laptop knock",
		"device!=@Ben":                "call",
		"ip:192.168.1.7":              "laptop",
		"ip:192.168.0.0/16":           "laptop",
		"ip!=10.0.0.0/8":              "laptop knock",
		"ip:::/0":                     "knock",
		"net:203.0.113.0/24":          "laptop",
		"net:203.0.113.77":            "laptop",
		"net:2001:db8:1::/48":         "knock",
		"net:10.0.7.0/24":             "call", // the server's side is unknown
		"net:10.0.0.0/24":             "",
		"net:192.168.1.0/24":          "",
		"port:443":                    "laptop",
		"port>443":                    "knock call",
		"port<443":                    "",
		"port!=443":                   "knock call",
		"direction:inbound":           "knock",
		"direction:unknown":           "call",
		"side:lan":                    "laptop knock",
		"side!=wan":                   "call",
		"side:unknown":                "call",
		"side:gateway":                "",
		"method:port":                 "call",
		"method:none":                 "knock",
		"method:dpi":                  "laptop",
		"transport:udp":               "knock call",
		"transport:6":                 "laptop",
		"risk:tls-weak-cipher":        "laptop",
		`risk:""`:                     "knock call",
		"bytes>999":                   "laptop call",
		"bytes:10k":                   "laptop",
		"bytes<1k":                    "knock",
		"agent:" + agent:              "laptop knock call",
		"agent!=" + agent:             "",
		"app:youtube OR proto:sip":    "laptop call",
		"transport:udp bytes>100":     "call",
		"NOT (transport:udp OR ssh)":  "laptop",
		"NOT NOT direction:outbound":  "laptop",
		"transport:udp NOT proto:sip": "knock",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		is, err := Compile(e, agent, names)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, name := range []string{"laptop", "knock", "call"} {
			if is(flows[name]) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s selects %q, not %q", text, got, want)
		}
	}
}

// TestFacts: the filters of what only records have.
func TestFacts(t *testing.T) {
	bad, good, other := laptop(), laptop(), knock()
	bad.Client.Health = packet.Health{Retransmits: 2, OutOfOrder: 1}
	bad.Server.Health = packet.Health{Retransmits: 1, Resets: 1, ZeroWindows: 4}
	bad.RoundTrips = [2]uint32{1000, 99_500}
	good.RoundTrips, other.RoundTrips = [2]uint32{1, 399}, [2]uint32{0, 400} // of the last a part is unknown
	bad.Server.Origin = &record.Origin{ASN: 64500, ASName: "Example Ltd.", Country: "DE"}
	other.Client.Origin = &record.Origin{ASN: 64501, Country: "FR"}
	good.Server.Origin = &record.Origin{}
	bad.Process = &record.Process{PID: 1, Name: "curl", Executable: "/usr/bin/curl", Container: "0123456789ab"}
	good.Process = &record.Process{PID: 2, Name: "Curl"}
	flows := map[string]*record.Flow{"bad": bad, "good": good, "other": other}
	for text, want := range map[string]string{
		"retransmits>0": "bad", "retransmits:3": "bad", "retransmits<3": "good other", "retransmits!=3": "good other",
		"out_of_order:1": "bad", "resets>0": "bad", "zero_windows>3": "bad", "zero_windows>4": "",
		"rtt>100ms": "bad", "rtt>101ms": "", "rtt<1s": "bad good", "rtt:400us": "good", "NOT rtt<1s": "other",
		"rtt!=400us": "bad other",
		"country:de": "bad", "country!=DE": "good other", "country:FR": "other", `country:""`: "good",
		"asn:64500": "bad", "asn:AS64501": "other", `asn:"@example ltd."`: "bad", `asn:""`: "good",
		`asn!=""`: "bad other", `asn!="@Example Ltd."`: "good other",
		"process:curl": "bad", "process:Curl": "good", "process:/usr/bin/curl": "bad", `process:""`: "other",
		"process!=curl": "good other", "container:0123456789ab": "bad", `container:""`: "good other",
		"container:0123456789ABcdef0123456789abcdef0123456789abcdef0123456789abcdef": "bad",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		is, err := Compile(e, agent, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, name := range []string{"bad", "good", "other"} {
			if is(flows[name]) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s selects %q, not %q", text, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { is(bad) }); n != 0 {
			t.Errorf("%s: %v allocations per record", text, n)
		}
	}
	if err := everyFieldCompiles(); err != nil {
		t.Error(err)
	}
}

// everyFieldCompiles: no field of the language lacks its meaning.
func everyFieldCompiles() error {
	values := map[filter.Field]string{filter.Device: "192.0.2.1", filter.Address: "192.0.2.1", filter.Port: "1",
		filter.Direction: "inbound", filter.Side: "lan", filter.Agent: agent, filter.Method: "dpi",
		filter.Transport: "tcp", filter.Bytes: "1", filter.Retransmits: "1", filter.OutOfOrder: "1",
		filter.Resets: "1", filter.ZeroWindows: "1", filter.RoundTrip: "1ms"}
	for _, f := range filter.Fields() {
		e, err := filter.Parse(string(f) + `:"` + values[f] + `"`)
		if err != nil {
			return err
		}
		if _, err := Compile(e, agent, nil); err != nil {
			return err
		}
	}
	return nil
}

// TestRefusals: what no record can answer is an error, not a filter of nothing.
func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"device:@Ben":           "only a running weir knows",
		"NOT device:@Ben":       "only a running weir knows",
		"app:x AND device!=@B":  "only a running weir knows",
		"risk:tls-weak-ciphers": "weir catalog risks",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, err := Compile(e, agent, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, which lacks %q", text, err, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	e, err := filter.Parse(`(app:youtube OR host:*.example.org OR ip:10.0.0.0/8 OR net:203.0.113.0/24) bytes>1 ` +
		`port!=1 NOT risk:smb1 transport:tcp device:02:00:00:00:00:07 direction:outbound method:dpi`)
	if err != nil {
		t.Fatal(err)
	}
	is, err := Compile(e, agent, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := laptop()
	if n := testing.AllocsPerRun(100, func() {
		if !is(f) {
			t.Error("the filter does not select the flow")
		}
	}); n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

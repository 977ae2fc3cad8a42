// SPDX-License-Identifier: Apache-2.0

package words

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

func TestOrigins(t *testing.T) {
	r := record.Flow{Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.168.1.7:50000")},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.7:443")}}
	for _, c := range []struct {
		origin *record.Origin
		want   []string
	}{
		{nil, nil},
		{&record.Origin{ASN: 64496}, []string{"198.51.100.7 is in the autonomous system 64496."}},
		{&record.Origin{ASN: 64496, ASName: "Example", Country: "NL"},
			[]string{"198.51.100.7 is in the autonomous system 64496 Example, the country NL."}},
		{&record.Origin{Country: "NL"}, []string{"198.51.100.7 is in the country NL."}},
	} {
		r.Server.Origin = c.origin
		if got := Origins(&r); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.origin, got)
		}
	}
}

func TestProcess(t *testing.T) {
	for _, c := range []struct {
		process *record.Process
		want    []string
	}{
		{nil, nil},
		{&record.Process{PID: 7, Name: "nc", UID: 1000},
			[]string{"Its socket is of the process 7, nc, of the user 1000."}},
		{&record.Process{PID: 7, Name: "nginx", Executable: "/usr/sbin/nginx", Container: "0123456789ab",
			Unit: "docker.scope"}, []string{"Its socket is of the process 7, nginx (/usr/sbin/nginx), of the user 0, " +
			"in the container 0123456789ab, in the unit docker.scope."}},
	} {
		if got := Process(&record.Flow{Process: c.process}); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.process, got)
		}
	}
}

func TestHealth(t *testing.T) {
	r := record.Flow{Client: record.Endpoint{Packets: 9}, Server: record.Endpoint{Packets: 40}}
	if got := Health(&r); got != nil {
		t.Errorf("nothing is known: %q", got)
	}
	r.RoundTrips = [2]uint32{300, 12000}
	r.Client.Health = packet.Health{Flags: packet.ACK, TTL: 64}
	r.Server.Health = packet.Health{Retransmits: 3, OutOfOrder: 1, Resets: 1}
	want := []string{"A round trip takes 12.3ms: 300µs between weir and the client, 12ms between weir and the " +
		"server (of the handshake).", "Of the server's 40 packets: 3 retransmissions, 1 out of order, 1 resets."}
	if got := Health(&r); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	r.RoundTrips[0] = 0 // one part alone is no round trip
	if got := Health(&r); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

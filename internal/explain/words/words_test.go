// SPDX-License-Identifier: Apache-2.0

package words

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

func TestOrigins(t *testing.T) {
	r := record.Flow{Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.168.1.7:50000")},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.7:443")}}
	for _, c := range []struct {
		origin record.Origin
		want   []string
	}{
		{record.Origin{}, nil},
		{record.Origin{ASN: 64496}, []string{"198.51.100.7 is in the autonomous system 64496."}},
		{record.Origin{ASN: 64496, ASName: "Example", Country: "NL"},
			[]string{"198.51.100.7 is in the autonomous system 64496 Example, the country NL."}},
		{record.Origin{Country: "NL"}, []string{"198.51.100.7 is in the country NL."}},
	} {
		r.Server.Origin = c.origin
		if got := Origins(&r); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.origin, got)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

// flowOf returns the last record of a flow, with 10 bytes up and 30 down in 4 packets.
func flowOf(client int, application, protocol, category string) *record.Flow {
	addr := netip.AddrFrom4([4]byte{10, byte(client >> 16), byte(client >> 8), byte(client)})
	return &record.Flow{
		Client: record.Endpoint{Addr: netip.AddrPortFrom(addr, 1), Packets: 1, Bytes: 10}, Server: record.Endpoint{
			Packets: 3, Bytes: 30},
		Application: application, Protocol: protocol, Category: category,
	}
}

func newTotals() *Totals { return &Totals{NewNames(MaxNames), NewNames(MaxNames), NewNames(MaxNames)} }

func (r *Row) text() string {
	return fmt.Sprintf("%s %d flows, %d packets, %d+%d bytes", r.Name, r.Flows, r.Total.Packets, r.Total.Bytes[0],
		r.Total.Bytes[1])
}

func TestTotals(t *testing.T) {
	all := newTotals()
	all.Add(flowOf(1, "netflix", "tls", "video"))
	all.Add(flowOf(1, "netflix", "quic", "video"))
	all.Add(flowOf(2, "", "tls", ""))
	for _, x := range []struct {
		row  *Row
		want string
	}{
		{all.Applications.Row("netflix"), "netflix 2 flows, 8 packets, 20+60 bytes"},
		{all.Applications.Row(""), "- 1 flows, 4 packets, 10+30 bytes"},
		{all.Protocols.Row("tls"), "tls 2 flows, 8 packets, 20+60 bytes"},
		{all.Categories.Row("video"), "video 2 flows, 8 packets, 20+60 bytes"},
	} {
		if got := x.row.text(); got != x.want {
			t.Errorf("got %s, want %s", got, x.want)
		}
	}
	some := &Totals{Protocols: NewNames(MaxNames)}
	some.Add(flowOf(1, "netflix", "tls", "video"))
	if some.Protocols.Row("tls").Flows != 1 || some.Applications != nil {
		t.Errorf("%+v", some)
	}
	for r := range some.Applications.All() {
		t.Errorf("a row of names that aren't counted: %s", r.text())
	}
}

// TestBounds: far more names than the limit lose no byte of the totals.
func TestBounds(t *testing.T) {
	const flows = 3 * MaxNames
	all := newTotals()
	for i := range flows {
		all.Add(flowOf(i, fmt.Sprint("app", i), "tls", fmt.Sprint("category", i)))
	}
	for _, n := range []*Names{all.Applications, all.Categories} {
		var sum Amounts
		for r := range n.All() {
			sum.Add(r.Total)
		}
		if n.Len() != MaxNames+1 || sum != (Amounts{[2]uint64{10 * flows, 30 * flows}, 4 * flows}) ||
			n.Row(Other).Flows == 0 {
			t.Errorf("%d names, %+v, %s", n.Len(), sum, n.Row(Other).text())
		}
	}
}

// TestRate: amounts stay in the rate for Window complete ticks, and a sum never goes below zero.
func TestRate(t *testing.T) {
	var u, o Usage
	u.Count(Amounts{[2]uint64{100, 0}, 1}, 0)
	if a := u.Rate.Complete(0); a.Sum() != 0 {
		t.Errorf("%d bytes of a tick that is not complete", a.Sum())
	}
	for tick := uint64(1); tick <= Window+1; tick++ {
		want := uint64(100)
		if tick > Window {
			want = 0
		}
		if a := u.Rate.Complete(tick); a.Sum() != want {
			t.Errorf("%d bytes at tick %d, want %d", a.Sum(), tick, want)
		}
	}
	o.Count(Amounts{[2]uint64{300, 5}, 2}, Window+1)
	u.Give(&o, Window+2)
	if a := u.Rate.Complete(Window + 2); u.Total.Sum() != 405 || a.Sum() != 305 {
		t.Errorf("given: %+v, %+v", u.Total, a)
	}
	u.Take(&o, Window+2)
	u.Take(&o, Window+2)
	if u.Total != (Amounts{}) || u.Rate.Complete(Window+2) != (Amounts{}) {
		t.Errorf("taken: %+v", u)
	}
}

// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"encoding/binary"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// dropsMessage describes link 7, with statistics of the given number of words; each word is 100 plus its place.
func dropsMessage(t testing.TB, words int) netlink.Message {
	t.Helper()
	statistics := make([]byte, 8*words)
	for i := range words {
		binary.NativeEndian.PutUint64(statistics[8*i:], uint64(100+i))
	}
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.IFLA_IFNAME, Data: []byte("lan0\x00")}, {Type: unix.IFLA_STATS64, Data: statistics},
	})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(data[4:], 7)
	return netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWLINK}, Data: append(data, attributes...)}
}

func TestParseDrops(t *testing.T) {
	for _, words := range []int{16, 23, 24, 40} {
		index, d, ok := parseDrops(dropsMessage(t, words))
		if want := (Drops{Missed: 115, Fifo: 114, Dropped: 106, Errors: 104}); !ok || index != 7 || d != want {
			t.Errorf("%d words: link %d, %+v, %v", words, index, d, ok)
		}
	}
	if _, _, ok := parseDrops(dropsMessage(t, 15)); ok {
		t.Error("too short statistics are taken")
	}
	whole := dropsMessage(t, 24)
	for n := range whole.Data {
		if _, _, ok := parseDrops(netlink.Message{Header: whole.Header, Data: whole.Data[:n]}); ok {
			t.Errorf("%d bytes of %d are taken", n, len(whole.Data))
		}
	}
}

func TestParseStatistics(t *testing.T) {
	index, s, ok := parseStatistics(dropsMessage(t, 24))
	if want := (Statistics{100, 101, 102, 103, 104, 105, 106, 107, 115}); !ok || index != 7 || s != want {
		t.Errorf("link %d, %+v, %v", index, s, ok)
	}
	if _, _, ok := parseStatistics(dropsMessage(t, 15)); ok {
		t.Error("too short statistics are taken")
	}
}

func FuzzParseDrops(f *testing.F) {
	f.Add(dropsMessage(f, 24).Data)
	f.Add(dropsMessage(f, 16).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWLINK}, Data: data}
		if _, d, ok := parseDrops(m); !ok && d != (Drops{}) && len(data) < unix.SizeofIfInfomsg {
			t.Errorf("%+v of %d bytes", d, len(data))
		}
	})
}

func TestAllDrops(t *testing.T) {
	newNamespace(t)
	ip(t, "link add a0 type veth peer name b0")
	all, err := AllDrops()
	if err != nil || len(all) != 3 { // lo, too
		t.Errorf("%v, %v", all, err)
	}
	f, err := NewFollower(Sides{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	statistics, err := f.Statistics()
	if err != nil || len(statistics) != len(all) {
		t.Errorf("%v, %v", statistics, err)
	}
}

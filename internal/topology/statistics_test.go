// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"encoding/binary"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// statisticsMessage describes link 7, with statistics of the given number of words; each word is 100 plus its place.
func statisticsMessage(t testing.TB, words int) netlink.Message {
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

func TestParseStatistics(t *testing.T) {
	want := Statistics{RxPackets: 100, TxPackets: 101, RxBytes: 102, TxBytes: 103, RxErrors: 104, TxErrors: 105,
		RxDropped: 106, TxDropped: 107, RxFifo: 114, RxMissed: 115}
	for _, words := range []int{16, 23, 24, 40} {
		if index, s, ok := parseStatistics(statisticsMessage(t, words)); !ok || index != 7 || s != want {
			t.Errorf("%d words: link %d, %+v, %v", words, index, s, ok)
		}
	}
	if _, _, ok := parseStatistics(statisticsMessage(t, 15)); ok {
		t.Error("too short statistics are taken")
	}
	whole := statisticsMessage(t, 24)
	for n := range whole.Data {
		if _, _, ok := parseStatistics(netlink.Message{Header: whole.Header, Data: whole.Data[:n]}); ok {
			t.Errorf("%d bytes of %d are taken", n, len(whole.Data))
		}
	}
}

func FuzzParseStatistics(f *testing.F) {
	f.Add(statisticsMessage(f, 24).Data)
	f.Add(statisticsMessage(f, 16).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWLINK}, Data: data}
		if _, s, ok := parseStatistics(m); !ok && s != (Statistics{}) && len(data) < unix.SizeofIfInfomsg {
			t.Errorf("%+v of %d bytes", s, len(data))
		}
	})
}

func TestAllStatistics(t *testing.T) {
	newNamespace(t)
	ip(t, "link add a0 type veth peer name b0")
	all, err := AllStatistics()
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

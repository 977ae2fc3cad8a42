// SPDX-License-Identifier: Apache-2.0

package ipfix

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func open(t *testing.T, url string) *output {
	t.Helper()
	return exporttest.Open(t, Kind, url, nil).(*output)
}

// flows makes records, every third of IPv6, with counts that their number decides on.
func flows(n int) (all []*export.Record) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for i := range n {
		f := &record.Flow{State: record.StateEnd, EndReason: record.EndClosed, Interface: "lan0", VLANs: []uint16{7},
			Proto: packet.ProtoTCP, Application: fmt.Sprint("application", i),
			Client:    record.Endpoint{Addr: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:%d", i, 40000+i))},
			Server:    record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.1:443")},
			FirstSeen: at.UnixNano(), LastSeen: at.Add(time.Duration(i) * time.Second).UnixNano()}
		if i%3 == 0 {
			f.Client.Addr = netip.MustParseAddrPort(fmt.Sprintf("[2001:db8::%x]:%d", i+1, 40000+i))
			f.Server.Addr = netip.MustParseAddrPort("[2001:db8:1::1]:443")
		}
		f.Client.Packets, f.Client.Bytes = uint64(i+1), uint64(100*i+1)
		f.Server.Packets, f.Server.Bytes = uint64(2*i+1), uint64(1000*i+1)
		f.Client.MAC = [6]byte{2, 0, 0, 0, 0, byte(i)}
		copy(f.ID[:], fmt.Sprintf("%016x%016x", i, 1))
		all = append(all, &export.Record{Type: "flow", Flow: f})
	}
	return all
}

// collector reads messages as RFC 7011 says, by the templates that they bring.
type collector struct {
	templates map[uint16][]element
	sequence  uint32
	flows     []map[element][]byte // the elements without their lengths
	messages  int
}

func (c *collector) read(b []byte) error {
	if len(b) < headerBytes || binary.BigEndian.Uint16(b) != version || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return fmt.Errorf("the header of %x", b)
	}
	if got := binary.BigEndian.Uint32(b[8:]); got != c.sequence {
		return fmt.Errorf("sequence %d, not %d", got, c.sequence)
	}
	c.messages++
	for b = b[headerBytes:]; len(b) > 0; {
		if len(b) < setBytes {
			return errors.New("part of a set's header")
		}
		id, length := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if length < setBytes || length > len(b) {
			return fmt.Errorf("a set of %d bytes in %d", length, len(b))
		}
		content := b[setBytes:length]
		b = b[length:]
		var err error
		if id == setTemplates {
			err = c.readTemplates(content)
		} else {
			err = c.readFlows(c.templates[id], content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) readTemplates(b []byte) error {
	for len(b) > 0 {
		id, count := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[4:]
		var list []element
		for range count {
			e := element{id: binary.BigEndian.Uint16(b), length: binary.BigEndian.Uint16(b[2:])}
			b = b[4:]
			if e.id>>15 == 1 {
				if binary.BigEndian.Uint32(b) != reversePEN {
					return errors.New("an element of an unknown enterprise")
				}
				e.id, e.isReverse, b = e.id&0x7fff, true, b[4:]
			}
			list = append(list, e)
		}
		if c.templates == nil {
			c.templates = map[uint16][]element{}
		}
		c.templates[id] = list
	}
	return nil
}

func (c *collector) readFlows(template []element, b []byte) error {
	if template == nil {
		return errors.New("a set without its template")
	}
	for len(b) > 0 {
		f := map[element][]byte{}
		for _, e := range template {
			n := int(e.length)
			if e.length == variable {
				n, b = int(b[0]), b[1:]
			}
			if n > len(b) {
				return errors.New("part of a record")
			}
			f[element{id: e.id, isReverse: e.isReverse}], b = b[:n:n], b[n:]
		}
		c.flows = append(c.flows, f)
		c.sequence++
	}
	return nil
}

func number(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// check holds what a collector has read against the records.
func (c *collector) check(t *testing.T, records []*export.Record) {
	t.Helper()
	if len(c.flows) != len(records) {
		t.Fatalf("%d flows, %d records", len(c.flows), len(records))
	}
	for i, f := range c.flows {
		want := records[i].Flow
		get := func(id uint16, isReverse bool) uint64 { return number(f[element{id: id, isReverse: isReverse}]) }
		source, destination := f[element{id: 8}], f[element{id: 12}]
		if source == nil {
			source, destination = f[element{id: 27}], f[element{id: 28}]
		}
		from, _ := netip.AddrFromSlice(source)
		to, _ := netip.AddrFromSlice(destination)
		if from != want.Client.Addr.Addr() || to != want.Server.Addr.Addr() ||
			get(7, false) != uint64(want.Client.Addr.Port()) || get(11, false) != uint64(want.Server.Addr.Port()) ||
			get(1, false) != want.Client.Bytes || get(2, false) != want.Client.Packets ||
			get(1, true) != want.Server.Bytes || get(2, true) != want.Server.Packets ||
			get(4, false) != uint64(want.Proto) || get(136, false) != 3 || get(239, false) != 1 ||
			get(58, false) != 7 ||
			get(152, false) != uint64(want.FirstSeen/1e6) || get(153, false) != uint64(want.LastSeen/1e6) ||
			string(f[element{id: 56}]) != string(want.Client.MAC[:]) || string(f[element{id: 82}]) != "lan0" ||
			string(f[element{id: 96}]) != want.Application {
			t.Errorf("flow %d: %v", i, f)
		}
	}
}

// TestUDP: a collector reads the flows; each message fits the MTU; templates come again by time and by count.
func TestUDP(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_ = server.SetReadDeadline(time.Now().Add(30 * time.Second))
	o := open(t, "ipfix+udp://"+server.LocalAddr().String()+"?mtu=700&templates=1m&domain=9")
	now := time.Unix(1e9, 0)
	o.now = func() time.Time { return now }
	var c collector
	hasTemplates := func() bool {
		t.Helper()
		b := make([]byte, 1<<16)
		n, _, err := server.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if n > 700 || number(b[4:8]) != uint64(o.now().Unix()) || number(b[12:16]) != 9 {
			t.Errorf("a message of %d bytes, header %x", n, b[:headerBytes])
		}
		if err := c.read(b[:n]); err != nil {
			t.Fatal(err)
		}
		return binary.BigEndian.Uint16(b[headerBytes:]) == setTemplates
	}
	all := flows(40)
	if err := o.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for with := 0; len(c.flows) < 40; {
		if hasTemplates() {
			with++
		}
		if with != 1 {
			t.Fatalf("%d of %d messages have templates", with, c.messages)
		}
	}
	c.check(t, all)
	o.messages = templateMessages
	for i, step := range []struct {
		later time.Duration
		want  bool
	}{{0, true}, {59 * time.Second, false}, {2 * time.Second, true}, {-time.Hour, true}} {
		now = now.Add(step.later)
		if err := o.Write(t.Context(), all[:1]); err != nil {
			t.Fatal(err)
		}
		if got := hasTemplates(); got != step.want {
			t.Errorf("step %d: templates %v", i, got)
		}
	}
}

// TestLive: live flows are left out, and texts are bounded.
func TestLive(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_ = server.SetReadDeadline(time.Now().Add(30 * time.Second))
	o := open(t, "ipfix+udp://"+server.LocalAddr().String())
	all := flows(3)
	all[0].Flow.State, all[2].Flow.State = record.StateNew, record.StateUpdate
	all[1].Flow.Application = strings.Repeat("x", 1000)
	if err := o.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	var c collector
	b := make([]byte, 1<<16)
	n, _, err := server.ReadFrom(b)
	if err == nil {
		err = c.read(b[:n])
	}
	if err != nil || len(c.flows) != 1 || len(c.flows[0][element{id: 96}]) != maxText {
		t.Errorf("%d flows, error %v", len(c.flows), err)
	}
}

// TestTCP: each connection begins with the templates, and with sequence 0.
func TestTCP(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	o := open(t, "ipfix+tcp://"+server.Addr().String())
	all := flows(60)
	for range 2 {
		write := make(chan error, 1)
		go func() { write <- o.Write(t.Context(), all) }()
		conn, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		var c collector
		var got []byte
		for b := make([]byte, 1<<16); len(c.flows) < len(all); {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			for got = append(got, b[:n]...); len(got) >= 4; {
				length := int(binary.BigEndian.Uint16(got[2:]))
				if len(got) < length {
					break
				}
				if err := c.read(got[:length]); err != nil {
					t.Fatal(err)
				}
				got = got[length:]
			}
		}
		c.check(t, all)
		if err := <-write; err != nil {
			t.Error(err)
		}
		conn.Close()
		wait.Until(t, "the output sees the peer go", func() bool { return !o.conn.IsOpen() })
	}
}

func TestEndReasons(t *testing.T) {
	for reason, want := range map[record.EndReason]byte{record.NotEnded: 0, record.EndIdle: 1, record.EndClosed: 3,
		record.EndReset: 3, record.EndShutdown: 4, record.EndEvicted: 5} {
		if got := endReason(&record.Flow{EndReason: reason}); got != want {
			t.Errorf("%v: %d, not %d", reason, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	exporttest.Refuses(t, Kind, map[string]string{
		"ipfix+udp://h:99999":       "port",
		"ipfix+udp://h/x":           "neither path",
		"ipfix+udp://h?mtu=10":      "from 600 to 65535",
		"ipfix+udp://h?types=dns":   "flows only",
		"ipfix+udp://h?templates=0": "templates=0",
		"ipfix+tcp://":              "host is missing",
		"ipfix+tls://h":             "must begin with ipfix+udp://",
	})
}

// TestNfcapd: Debian's nfcapd takes the flows, and nfdump shows the same ends and counts.
func TestNfcapd(t *testing.T) {
	for _, name := range []string{"nfcapd", "nfdump"} {
		if _, err := exec.LookPath(name); err != nil {
			lab.Lacks(t, name+" is missing")
		}
	}
	h, _ := lab.NewPair(t)
	folder := t.TempDir()
	if _, err := h.Run(t.Context(), "ip", "link", "set", "lo", "up"); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("nfcapd", "-w", folder, "-b", "127.0.0.1", "-p", strconv.Itoa(port), "-t", "3600")
	p, err := h.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, "ipfix+udp://127.0.0.1?mtu=1400")
	const n = 100
	all := flows(n)
	// nfcapd's socket in proc(5), with nothing in its queue
	idle := fmt.Sprintf("0100007F:%04X 00000000:0000 07 00000000:00000000", port)
	isIdle := func() bool {
		text, _ := h.Run(t.Context(), "cat", "/proc/net/udp")
		return strings.Contains(text, idle)
	}
	wait.Until(t, "nfcapd listens", isIdle)
	if err := h.Do(func() error { return o.Write(t.Context(), all) }); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "nfcapd has taken the flows", isIdle)
	_ = p.Process.Signal(unix.SIGTERM)
	_ = p.Wait()
	out, err := exec.Command("nfdump", "-R", folder, "-q", "-o", "fmt:%sa|%sp|%da|%dp|%ipkt|%ibyt|%opkt|%obyt").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		got[strings.Join(strings.Fields(strings.ReplaceAll(line, "|", " ")), " ")] = true
	}
	for _, r := range all {
		f := r.Flow
		want := fmt.Sprint(f.Client.Addr.Addr(), " ", f.Client.Addr.Port(), " ", f.Server.Addr.Addr(), " ",
			f.Server.Addr.Port(), " ", f.Client.Packets, " ", f.Client.Bytes, " ",
			f.Server.Packets, " ", f.Server.Bytes)
		if !got[want] {
			t.Errorf("nfdump lacks %s", want)
		}
	}
	if len(got) != n || t.Failed() {
		t.Errorf("nfdump shows %d flows, not %d:\n%s", len(got), n, out)
	}
}

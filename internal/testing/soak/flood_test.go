// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
)

const (
	floodRate  = 33_000 // connection requests a second
	floodNames = 1_000_000
	keptFlows  = 100
	realFlows  = 20
	// peakLimit is for both processes, with the default table of 65,536 flows.
	peakLimit = 192 << 20
)

// TestFlood: a host of the LAN requests a million connections that nobody answers. weir's memory is bounded, earlier
// flows survive, and later ones get names.
func TestFlood(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		if flood < 30*time.Second && way != "ebpf tcx" || way == "ebpf clsact" {
			return // only in the full form; with clsact the programs are the same
		}
		var found string
		report(t, "B1", "flood, "+way, &found)
		// without NAT: the gateway's own connection tracking would be full first
		l := lab.New(t, lab.Options{Clients: 2, NoNAT: true})
		out := &floodRecords{}
		a := watch(t, l.Gateway, out, flags...)
		peak := watchMemory(t, a)
		kept := openKept(t, l)
		web := startWeb(t, l)
		kept.exchange(t, 10)
		before := backlogDrops()
		ctx, cancel := context.WithTimeout(context.Background(), flood)
		defer cancel()
		var others sync.WaitGroup
		others.Go(func() {
			for again := time.Tick(500 * time.Millisecond); ctx.Err() == nil; <-again {
				kept.exchange(t, 1)
			}
		})
		others.Go(func() {
			next := time.Tick(flood / (realFlows + 10))
			for i := range realFlows {
				web.get(t, fmt.Sprintf("shop%d.example.com", i))
				<-next
			}
		})
		sent, err := l.Clients[1].SendFrames(context.Background(), "eth0", floodFrames(t, l),
			lab.Sending{Rate: floodRate, Duration: flood})
		others.Wait()
		if err != nil {
			t.Fatal(err)
		}
		kept.exchange(t, 10)
		lab.Landed(t)
		a.stop()
		lost, causes := a.Lost()
		rest := flows(t, out.rest())
		dropped := uint64(backlogDrops()-before) + sent.Dropped
		exact, wrong := kept.exact(rest)
		named := web.named(rest)
		found = fmt.Sprintf("%d requests; weir saw %d in %d flows, lost %d (%s); the machine dropped %d; peak %.1f "+
			"MiB (%s); "+
			"%d of %d older flows exact, %d of %d requests of the web named (%d packets not inspected)", sent.Frames,
			out.packets, out.flows,
			lost, causes, dropped, float64(peak.sum())/(1<<20), peak, exact, keptFlows, named, realFlows,
			a.Number(program.SaidRingFull)+a.Number(program.SaidUnread))
		if peak.sum() > peakLimit {
			t.Errorf("peak memory is above %d MiB", peakLimit>>20)
		}
		if exact < keptFlows && dropped == 0 && kept.lost == 0 {
			t.Errorf("of %d flows only %d are there with exact counts; the others: %q", keptFlows, exact, wrong)
		}
		// On an overloaded machine weir misses packets: then it reports that, and only then a flow may lack a name.
		unseen := lost + a.Number(program.SaidRingFull) + a.Number(program.SaidUnread)
		if missing := uint64(realFlows - named); missing > unseen || missing > realFlows/2 {
			t.Errorf("of %d only %d are named, and %d packets were not seen: %+v", realFlows, named, unseen,
				web.nameless(rest))
		}
		if out.packets > sent.Frames || out.packets+lost+dropped < sent.Frames { // some of the others may be lost too
			t.Errorf("%d sent, %d seen, %d lost, %d dropped by the machine", sent.Frames, out.packets, lost, dropped)
		}
	})
}

// floodFrames returns distinct requests to hosts that do not answer.
func floodFrames(t testing.TB, l *lab.Lab) [][]byte {
	t.Helper()
	link, err := l.Gateway.Link("lan0")
	if err != nil {
		t.Fatal(err)
	}
	n := min(floodNames, int(flood.Seconds())*floodRate)
	frames := make([][]byte, n)
	for i := range frames {
		server := [4]byte{203, 0, 113, byte(1 + i%200)}
		frames[i] = syn([6]byte(link.HardwareAddr), l.Clients[1].Addr4.As4(), server, uint16(1024+i/200%60_000),
			80+uint16(i/12_000_000), uint32(i))
	}
	return frames
}

// floodRecords counts the flood's records, and keeps the others.
type floodRecords struct {
	mu      sync.Mutex
	partial []byte
	other   bytes.Buffer
	flows   int
	packets uint64
}

func (r *floodRecords) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial = append(r.partial, b...)
	for {
		line, rest, ok := bytes.Cut(r.partial, []byte("\n"))
		if !ok {
			r.partial = slices.Clone(r.partial)
			return len(b), nil
		}
		r.line(line)
		r.partial = rest
	}
}

func (r *floodRecords) line(line []byte) {
	if !bytes.Contains(line, []byte(`"ip":"203.0.113.`)) {
		r.other.Write(append(line, '\n'))
		return
	}
	r.flows++
	_, after, _ := bytes.Cut(line, []byte(`"packets":`))
	number, _, _ := bytes.Cut(after, []byte(","))
	n, _ := strconv.ParseUint(string(number), 10, 64)
	r.packets += n
}

func (r *floodRecords) rest() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.other.String()
}

// memory holds the peak of each of weir's processes, in bytes.
type memory struct {
	mu    sync.Mutex
	peaks map[string]uint64
}

func (m *memory) sum() (n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, peak := range m.peaks {
		n += peak
	}
	return n
}

func (m *memory) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for name, peak := range m.peaks {
		all = append(all, fmt.Sprintf("%s %.1f", name, float64(peak)/(1<<20)))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// watchMemory reads the peaks until weir ends.
func watchMemory(t testing.TB, a *agent) *memory {
	t.Helper()
	m := &memory{peaks: map[string]uint64{}}
	parent, confined := a.Process.Process.Pid, a.confined()
	go func() {
		for often := time.Tick(100 * time.Millisecond); !a.Ended(); <-often {
			m.note("privileged", parent)
			m.note("confined", confined)
			for _, pid := range program.Children(parent) {
				if pid != confined {
					m.note("libpcap", pid)
				}
			}
		}
	}()
	return m
}

func (m *memory) note(name string, pid int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			m.mu.Lock()
			m.peaks[name] = max(m.peaks[name], kib<<10)
			m.mu.Unlock()
		}
	}
}

// kept are long-lived flows: UDP questions with answers.
type kept struct {
	conns []*net.UDPConn
	sent  []uint64 // questions of each
	lost  int      // unanswered
}

func openKept(t testing.TB, l *lab.Lab) *kept {
	t.Helper()
	var server *net.UDPConn
	address := net.UDPAddr{IP: l.Servers[0].Addr4.AsSlice(), Port: 7000}
	err := l.Servers[0].Do(func() (err error) { server, err = net.ListenUDP("udp4", &address); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := server.ReadFromUDP(b)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDP(b[:n], from)
		}
	}()
	k := &kept{sent: make([]uint64, keptFlows)}
	for range keptFlows {
		err := l.Clients[0].Do(func() error {
			c, err := net.DialUDP("udp4", nil, &address)
			if err == nil {
				k.conns = append(k.conns, c)
				t.Cleanup(func() { c.Close() })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// exchange makes each flow ask n times.
func (k *kept) exchange(t testing.TB, n int) {
	b := make([]byte, 64)
	for i, c := range k.conns {
		for range n {
			if _, err := c.Write([]byte("are you there?")); err != nil {
				t.Error(err)
				return
			}
			k.sent[i]++
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
			if _, err := c.Read(b); err != nil {
				k.lost++
			}
		}
	}
}

// exact counts the flows with one record that has all packets of both ends; wrong describes the others.
func (k *kept) exact(all []flow) (n int, wrong []string) {
	for i, c := range k.conns {
		port := c.LocalAddr().(*net.UDPAddr).Port
		var records []flow
		for _, f := range all {
			if f.Client.Port == port && f.Server.Port == 7000 {
				records = append(records, f)
			}
		}
		if len(records) == 1 && records[0].Client.Packets == k.sent[i] && records[0].Server.Packets == k.sent[i] {
			n++
		} else {
			wrong = append(wrong, fmt.Sprintf("port %d sent %d: %+v", port, k.sent[i], records))
		}
	}
	return n, wrong
}

// web is an HTTP server and client.
type web struct {
	client *http.Client
	server string
	asked  []string
}

func startWeb(t testing.TB, l *lab.Lab) *web {
	t.Helper()
	w := &web{server: net.JoinHostPort(l.Servers[0].Addr4.String(), "80")}
	var listener net.Listener
	err := l.Servers[0].Do(func() (err error) { listener, err = net.Listen("tcp4", w.server); return err })
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "welcome\n")
	})}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { s.Close() })
	w.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (c net.Conn, err error) {
			err = l.Clients[0].Do(
				func() (err error) { c, err = net.DialTimeout("tcp4", w.server, 10*time.Second); return err })
			return c, err
		}}}
	return w
}

func (w *web) get(t testing.TB, host string) {
	request, err := http.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		t.Error(err)
		return
	}
	answer, err := w.client.Do(request)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		err = errors.Join(err, answer.Body.Close())
	}
	if err != nil {
		t.Error(err)
		return
	}
	w.asked = append(w.asked, host)
}

// named counts the hosts whose names flows have.
func (w *web) named(all []flow) (n int) {
	for _, host := range w.asked {
		if slices.ContainsFunc(all, func(f flow) bool {
			return f.Hostname == host &&
				strings.EqualFold(f.Protocol, "http")
		}) {
			n++
		}
	}
	return n
}

// nameless returns the flows of the web without a name.
func (*web) nameless(all []flow) []flow {
	return slices.DeleteFunc(slices.Clone(all), func(f flow) bool {
		return f.Server.Port != 80 && f.Client.Port != 80 ||
			f.Hostname != ""
	})
}

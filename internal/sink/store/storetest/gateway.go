// SPDX-License-Identifier: Apache-2.0

// Package storetest is what every engine of a store has to do: Run tries all of it. Its gateways make reports as agents
// do, and its model adds them up without a database.
package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/sink/store"
)

// Period is a gateway's interval.
const Period = 15 * time.Second

// Start is when gateways begin to report: a whole hour.
var Start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// Gateway makes the reports of a made network.
type Gateway struct {
	// Reports are those so far, in order.
	Reports []store.Report
	// Latest are the newest records of flows by their ids.
	Latest map[string][]byte
	// ID is the agent's.
	ID string
	// Every is the interval.
	Every time.Duration
	// Churn is how many flows begin in an interval.
	Churn int
	// Life is how many intervals a flow has packets in, at most.
	Life int

	// IsConstant: flows change nothing but their counts, and those only grow.
	IsConstant bool

	random   *rand.Rand
	reporter *report.Reporter
	epoch    report.ID
	start    time.Time
	now      time.Time
	begun    int
	live     []*liveFlow
	devices  []report.Appender
}

type liveFlow struct {
	record.Flow
	left int // intervals
}

// NewGateway returns a gateway whose agent remembers so many flows.
func NewGateway(number byte, seed uint64, memory int) *Gateway {
	return NewGatewayAt(number, seed, memory, Start)
}

// NewGatewayAt returns one that begins to report at another time.
func NewGatewayAt(number byte, seed uint64, memory int, start time.Time) *Gateway {
	g := &Gateway{random: rand.New(rand.NewPCG(seed, uint64(number))), now: start, start: start, Every: Period,
		Churn: 4, Life: 8, Latest: map[string][]byte{},
		epoch: report.ID{0: 0xe0, 1: number}}
	agent := report.ID{0: 0xa0, 15: number}
	g.ID = agent.String()
	g.reporter = report.New(report.Config{Agent: agent, Version: "1.0", Epoch: g.epoch, MaxFlows: memory})
	g.reporter.Begin(g.instant(), "01234567-89ab-cdef-0123-456789abcdef")
	return g
}

func (g *Gateway) instant() report.Instant {
	return report.Instant{Wall: g.now.UnixNano(), Monotonic: g.now.Sub(g.start).Nanoseconds() + 1}
}

var (
	verdicts = [...][4]string{{"youtube", "quic", "video", "rr1.googlevideo.com"},
		{"netflix", "tls", "video", "api.netflix.com"}, {"", "dns", "", ""}, {"github", "ssh", "development", ""},
		{"wikipedia", "tls", "reference", "de.wikipedia.org"}, {"wikipedia", "tls", "reference", "wikipedia.org"}}
	ports  = [...]uint16{443, 443, 53, 22, 443, 443}
	protos = [...]uint8{packet.ProtoUDP, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoTCP, packet.ProtoTCP,
		packet.ProtoTCP}
)

// begin makes a flow.
func (g *Gateway) begin() *liveFlow {
	n := g.random.IntN(len(verdicts))
	f := &liveFlow{left: 1 + g.random.IntN(g.Life)}
	f.IPVersion, f.Proto, f.State, f.Interface = 4, protos[n], record.StateNew, "lan0"
	device := byte(1 + g.random.IntN(20))
	f.Client.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, device}), uint16(1024+g.begun%60000))
	f.Server.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(n), byte(g.random.IntN(200))}), ports[n])
	f.Client.Side, f.Server.Side = record.SideLAN, record.SideWAN
	if device > 4 { // the others are behind a router, or gave no address away
		f.Client.MAC = [6]byte{2, 0, 0, 0, 0, device}
	}
	switch g.random.IntN(10) {
	case 0: // from outside
		f.Client, f.Server = f.Server, f.Client
		f.Server.Addr = netip.AddrPortFrom(f.Server.Addr.Addr(), 8443)
	case 1:
		f.Client.Side, f.Server.Side = record.SideUnknown, record.SideUnknown
	case 2:
		f.Server.Addr = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::1", n)), ports[n])
		f.Client.Addr = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%x", device)), 40000)
		f.IPVersion = 6
	}
	f.Direction = record.DirectionBetween(f.Client.Side, f.Server.Side)
	f.Client.Origin, f.Server.Origin = g.origin(f.Client.Side), g.origin(f.Server.Side)
	if f.Proto == packet.ProtoTCP {
		f.RoundTrips = [2]uint32{uint32(g.random.IntN(3000)), uint32(g.random.IntN(80_000))}
	}
	if g.random.IntN(6) == 0 {
		f.Process = &processes[g.random.IntN(len(processes))]
	}
	if g.random.IntN(2) == 0 {
		g.recognise(&f.Flow, n)
	}
	f.FirstSeen = g.now.Add(time.Duration(g.random.Int64N(int64(g.Every)))).UnixNano()
	g.begun++
	id := sha256.Sum256(binary.BigEndian.AppendUint64(g.epoch[:], uint64(g.begun))) // as random as those of agents
	hex.Encode(f.ID[:], id[:16])
	f.CommunityID = communityID(f.Client.Addr, f.Server.Addr, f.Proto)
	return f
}

var (
	origins = [...]*record.Origin{nil, {ASN: 64500, ASName: "Example Ltd.", Country: "DE"}, {ASN: 64501, Country: "FR"},
		{Country: "DE"}, {ASName: "Nameless \"Net\""}, {ASN: 64500, ASName: "Example Ltd.", Country: "FR"}}
	processes = [...]record.Process{{PID: 7, UID: 1000, Name: "curl", Executable: "/usr/bin/curl"},
		{PID: 9, Name: "nginx", Executable: "/usr/sbin/nginx", Container: "0123456789ab", Unit: "docker.service"},
		{PID: 11, UID: 65534}}
)

// origin is where an end of a side is at home.
func (g *Gateway) origin(s record.Side) *record.Origin {
	if s == record.SideLAN {
		return nil
	}
	return origins[g.random.IntN(len(origins))]
}

// communityID is what an agent's flow table makes of it.
func communityID(a, b netip.AddrPort, proto uint8) []byte {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	ports := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, a.Port()), b.Port())
	return packet.AppendCommunityID(nil, proto, a.Addr().AsSlice(), b.Addr().AsSlice(), ports)
}

// recognise gives a flow a verdict.
func (g *Gateway) recognise(f *record.Flow, n int) {
	v := verdicts[n]
	f.Application, f.Protocol, f.Category, f.Hostname = v[0], v[1], v[2], []byte(v[3])
	f.Method = record.MethodDPI
	if v[1] == "tls" {
		f.Info = fmt.Appendf(nil, `"tls":{"version":"1.3","sni":%q}`, v[3])
	}
	if g.random.IntN(4) == 0 {
		f.Risks = 1 << record.RiskTLSMissingSNI
	}
}

// Step lets an interval pass, and reports it.
func (g *Gateway) Step() {
	for range g.Churn {
		g.live = append(g.live, g.begin())
	}
	kept := g.live[:0]
	for _, f := range g.live {
		if g.pass(f) {
			kept = append(kept, f)
		}
	}
	g.live = kept
	g.now = g.now.Add(g.Every)
	g.close()
}

// tire changes the health of a flow of TCP.
func (g *Gateway) tire(f *liveFlow) {
	r := g.random
	if f.Proto != packet.ProtoTCP || r.IntN(3) == 0 {
		return
	}
	for _, h := range [...]*packet.Health{&f.Client.Health, &f.Server.Health} {
		h.Flags |= 1 << r.IntN(5)
		h.TTL = 64
		switch r.IntN(6) {
		case 0:
			h.Retransmits += r.Uint32N(3)
		case 1:
			h.OutOfOrder++
		case 2:
			h.Resets++
		case 3:
			h.ZeroWindows++
		}
	}
}

// pass lets a flow have its interval, and reports whether it lives on.
func (g *Gateway) pass(f *liveFlow) bool {
	r := g.random
	if r.IntN(5) == 0 && f.State != record.StateNew {
		return true // silent
	}
	f.Client.Packets += 1 + r.Uint64N(5)
	f.Client.Bytes += 40 + r.Uint64N(2000)
	if r.IntN(4) > 0 {
		f.Server.Packets += 1 + r.Uint64N(9)
		f.Server.Bytes += 40 + r.Uint64N(20000)
	}
	f.LastSeen = g.now.Add(g.Every - 1 - time.Duration(r.Int64N(int64(time.Second)))).UnixNano()
	f.FirstSeen = min(f.FirstSeen, f.LastSeen)
	g.tire(f)
	if f.State != record.StateNew && !g.IsConstant {
		switch r.IntN(12) {
		case 0:
			g.recognise(&f.Flow, r.IntN(len(verdicts)))
		case 1:
			f.Client.MAC = [6]byte{2, 0, 0, 0, 1, byte(r.IntN(9))}
		case 2:
			f.Client.Side, f.Server.Side = f.Server.Side, f.Client.Side
			f.Direction = record.DirectionBetween(f.Client.Side, f.Server.Side)
			f.Client.Origin, f.Server.Origin = f.Server.Origin, f.Client.Origin
			f.Process = nil
		case 3: // the counts were wrong
			f.Server.Packets, f.Server.Bytes = f.Server.Packets/2, f.Server.Bytes/2
		}
	}
	if f.left--; f.left > 0 {
		g.report(&f.Flow)
		f.State = record.StateUpdate
		return true
	}
	f.State, f.EndReason = record.StateEnd, record.EndIdle
	g.report(&f.Flow)
	return false
}

func (g *Gateway) report(f *record.Flow) {
	g.reporter.Flow(f)
	g.Latest[string(f.ID[:])] = f.AppendJSON(nil)
}

// close ends the interval.
func (g *Gateway) close() {
	links := report.Link{Packets: uint64(len(g.Reports) * 100), Bytes: uint64(len(g.Reports) * 100_000)}
	lan := report.Interface{Index: 2, Name: "lan0", Role: "lan", Received: links, Sent: links,
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("2001:db8::/64")}}
	n := uint64(len(g.Reports))
	lan.Received.Traffic = &packet.Traffic{IPv4: packet.Volume{Packets: 90 * n, Bytes: 90_000 * n},
		IPv6: packet.Volume{Packets: 9 * n, Bytes: 8_000 * n}, NotIP: n, TCP: 60 * n, UDP: 30 * n, ICMP: 5 * n,
		Other: 4 * n, Fragments: 3 * n, Largest: 1514}
	line := g.reporter.Close(&report.State{At: g.instant(), Mode: "ebpf", Uptime: g.now.Sub(g.start),
		Interfaces: []report.Interface{lan}, Devices: g.devices})
	g.devices = nil
	g.Reports = append(g.Reports, store.Report{Agent: g.ID, Epoch: g.epoch.String(),
		Sequence: uint64(len(g.Reports) + 1), Received: g.now.Add(time.Second), Line: bytes.Clone(line)})
}

// Now is the end of the last interval.
func (g *Gateway) Now() time.Time { return g.now }

// rawDevice is a device as the report has it.
type rawDevice string

func (d rawDevice) AppendJSON(b []byte) []byte { return append(b, d...) }

// Device reports a device in this interval.
func (g *Gateway) Device(json string) { g.devices = append(g.devices, rawDevice(json)) }

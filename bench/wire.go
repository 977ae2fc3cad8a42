// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/testing/recording"
)

// reportPeriod is the default of weir run --report-every.
const reportPeriod = 15 * time.Second

// heard is a record, and when it came after the begin of its recording.
type heard struct {
	*record.Flow
	recording int
	at        time.Duration
}

// playAll returns the records of all recordings.
func playAll(testdata string) (all []heard, err error) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.pcap*"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no recordings in %s: %w", testdata, errors.Join(err))
	}
	apps, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		var begin int64
		err := recording.Replay(file, apps, func(f *record.Flow) error {
			if begin == 0 {
				begin = f.FirstSeen
			}
			all = append(all, heard{f.Clone(), i, time.Duration(max(f.LastSeen-begin, 0))})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return all, nil
}

// crowd returns the records of a gateway with many clients, each of which does what one recording shows, at any moment
// of the span, with addresses, ids and times of its own. The numbers vary as they do from one time to the next.
func crowd(all []heard, times int, span time.Duration) (many []heard) {
	random := rand.New(rand.NewPCG(1, 2))
	for range times {
		offsets, own := map[int]time.Duration{}, map[[32]byte]*record.Flow{}
		for _, h := range all {
			if _, ok := offsets[h.recording]; !ok {
				offsets[h.recording] = time.Duration(random.Int64N(int64(span)))
			}
			was := own[h.ID]
			if was == nil {
				was = identity(h.Flow, random)
				own[h.ID] = was
			}
			h.at += offsets[h.recording]
			h.Flow = h.Clone()
			moved := reportsBegin.Add(h.at).UnixNano() - h.LastSeen
			h.FirstSeen, h.LastSeen = h.FirstSeen+moved, h.LastSeen+moved
			h.ID, h.CommunityID = was.ID, was.CommunityID
			h.Client.Addr, h.Client.MAC, h.Server.Addr = was.Client.Addr, was.Client.MAC, was.Server.Addr
			h.Client.Bytes += was.Client.Bytes * h.Client.Packets
			h.Server.Bytes += was.Server.Bytes * h.Server.Packets
			many = append(many, h)
		}
	}
	slices.SortStableFunc(many, func(a, b heard) int { return cmp.Compare(a.at, b.at) })
	return many
}

// identity returns what a copy of a flow has in place of the recorded: bytes are those more of each packet.
func identity(f *record.Flow, random *rand.Rand) *record.Flow {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	n := &record.Flow{Client: f.Client, Server: f.Server}
	hex.Encode(n.ID[:], id[:])
	hash := sha1.Sum(id[:]) // as long as a community id's
	n.CommunityID = base64.StdEncoding.AppendEncode([]byte("1:"), hash[:])
	client := random.IntN(clients)
	n.Client.Addr = netip.AddrPortFrom(another(f.Client.Addr.Addr(), client), uint16(32768+random.IntN(28232)))
	n.Server.Addr = netip.AddrPortFrom(another(f.Server.Addr.Addr(), random.IntN(256)), f.Server.Addr.Port())
	if f.Client.MAC != [6]byte{} {
		n.Client.MAC = [6]byte{2, 0, 0, 0, 0, byte(client)}
	}
	n.Client.Bytes, n.Server.Bytes = uint64(random.IntN(40)), uint64(random.IntN(40))
	return n
}

// clients is the number of devices behind the gateway.
const clients = 100

// another returns an address of the same network, with this last byte.
func another(a netip.Addr, last int) netip.Addr {
	b := a.AsSlice()
	if len(b) == 0 {
		return a
	}
	b[len(b)-1] = byte(last)
	a, _ = netip.AddrFromSlice(b)
	return a
}

// reportsBegin is when the first interval begins.
var reportsBegin = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// sent is what goes on the wire, or would.
type sent struct {
	flows   int    // in reports: those that began, changed or ended, of each
	records []byte // the newest record of each of them, as NDJSON
	reports [][]byte
}

// reportAll makes the reports of records.
func reportAll(all []heard, every time.Duration) (s sent) {
	r := report.New(report.Config{Agent: report.ID{1}, Version: "1.0", Epoch: report.ID{2}, MaxFlows: 1 << 16})
	r.Begin(report.Instant{Wall: reportsBegin.UnixNano(), Monotonic: 1}, "01234567-89ab-cdef-0123-456789abcdef")
	newest := map[[32]byte]*record.Flow{}
	var order []*record.Flow
	end := every
	closeReport := func() {
		for _, f := range order {
			s.records = append(newest[f.ID].AppendJSON(s.records), '\n')
		}
		s.flows += len(order)
		at := report.Instant{Wall: reportsBegin.Add(end).UnixNano(), Monotonic: 1 + end.Nanoseconds()}
		s.reports = append(s.reports, bytes.Clone(r.Close(&report.State{At: at, Mode: "ebpf", Uptime: end})))
		clear(newest)
		order = order[:0]
		end += every
	}
	for _, h := range all {
		for h.at >= end {
			closeReport()
		}
		r.Flow(h.Flow)
		if newest[h.ID] == nil {
			order = append(order, h.Flow)
		}
		newest[h.ID] = h.Flow
	}
	closeReport()
	return s
}

// whole returns how many flows have their whole record in the reports.
func (s *sent) whole() (n int) {
	for _, line := range s.reports {
		n += bytes.Count(line, []byte(`{"type":"flow",`))
	}
	return n
}

// changesOf returns a second report of all flows, which have only had more packets since the first.
func changesOf(all []heard) (s sent) {
	var both []heard
	seen := map[[32]byte]bool{}
	for _, h := range crowd(all, 20, reportPeriod) {
		if seen[h.ID] {
			continue
		}
		seen[h.ID] = true
		first, second := h.Clone(), h.Clone()
		first.State, second.State = record.StateUpdate, record.StateUpdate
		second.Client.Packets, second.Client.Bytes = first.Client.Packets+2, first.Client.Bytes+first.Client.Bytes/3+50
		second.Server.Packets, second.Server.Bytes = first.Server.Packets+3, first.Server.Bytes+first.Server.Bytes/5+70
		second.LastSeen += int64(reportPeriod)
		both = append(both, heard{first, 0, 0}, heard{second, 0, reportPeriod})
	}
	slices.SortStableFunc(both, func(a, b heard) int { return cmp.Compare(a.at, b.at) })
	s = reportAll(both, reportPeriod)
	s.reports, s.flows = s.reports[1:], s.flows/2
	return s
}

// compressed returns the bytes of reports on the wire.
func (s *sent) compressed(e compress.Encoding) (n int) {
	var c compress.Compressor
	for _, line := range s.reports {
		n += len(c.Compress(nil, line, e))
	}
	return n
}

// through returns the bytes that a program makes of the records.
func (s *sent) through(program ...string) (int, error) {
	c := exec.Command(program[0], program[1:]...)
	c.Stdin = bytes.NewReader(s.records)
	out, err := c.Output()
	return len(out), err
}

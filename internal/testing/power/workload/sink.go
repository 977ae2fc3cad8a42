// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/testing/power"
	"github.com/weirnet/weir/internal/uplink"
)

// Of the agent that sends to the real sink. Its key is the same after each boot.
var key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

const (
	maxReports = 3 // a request
	logFile    = "/tmp/sink.log"
)

// served is the real weir-sink with its agent.
type served struct {
	control *control.Client
	client  *http.Client
	url     string
	agent   string
	begin   time.Time // of the first report
}

// runSink starts weir-sink, says what it has, and sends it reports until the power fails.
func runSink(folder string, p parameters) error {
	first, err := p.number(power.First)
	if err != nil {
		return err
	}
	begin, err := p.number(power.Begin)
	if err != nil {
		return err
	}
	s := &served{control: control.Dial(folder + "/data"), begin: time.Unix(int64(begin), 0),
		agent: uplink.AgentID(key.Public().(ed25519.PublicKey)),
		client: &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}} // it is alone on its machine
	if err := s.start(folder + "/data"); err != nil {
		return err
	}
	err = s.work(first, p.has(power.Enrolled))
	text, _ := os.ReadFile(logFile)
	return fmt.Errorf("%w; the sink said %q", err, text[max(0, len(text)-500):])
}

// start returns when the sink serves.
func (s *served) start(data string) error {
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	cmd := exec.Command("/bin/weir-sink", "serve", "--data", data, "--listen", "127.0.0.1:0", "--portal", "127.0.0.1:0")
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "agents: %s", &s.url); err == nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return nil
		}
	}
	text, _ := os.ReadFile(logFile)
	return fmt.Errorf("the sink did not start: %s", text)
}

// work ends with an error, or with the power.
func (s *served) work(next uint64, isEnrolled bool) error {
	all, err := s.control.Agents(context.Background())
	if err != nil {
		return err
	}
	isKnown := slices.ContainsFunc(all, func(a control.Agent) bool { return a.ID == s.agent })
	if isEnrolled && !isKnown {
		return errors.New("the sink has forgotten its agent")
	}
	if !isKnown {
		if err := s.enrol(); err != nil {
			return err
		}
	}
	say(power.Said{Who: "sink", What: power.Knows})
	if err := s.tell(); err != nil {
		return err
	}
	say(power.Said{Who: "sink", What: power.Ready})
	for {
		n := uint64(1 + rand.N(maxReports))
		if err := s.send(next, next+n); err != nil {
			return err
		}
		next += n
	}
}

// tell says what the store has, once it has taken what waited in the queue.
func (s *served) tell() error {
	for {
		var now status.Snapshot
		if err := s.control.Get(context.Background(), "/api/v1/status", &now); err != nil {
			return err
		}
		if now.Queue.Reports == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	var top store.Top
	q := url.Values{"by": {"proto"}, "from": {s.begin.UTC().Format(time.RFC3339)},
		"to": {s.begin.Add(24 * time.Hour).UTC().Format(time.RFC3339)}}
	if err := s.control.Get(context.Background(), "/api/v1/top?"+q.Encode(), &top); err != nil {
		return err
	}
	say(power.Said{Who: "sink", What: power.Has, Sequence: top.Total.UpBytes + top.Total.DownBytes})
	return nil
}

// post sends a signed request, and reads the answer to it.
func (s *served) post(path, contentType string, body []byte, to any) error {
	r, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	uplink.Sign(r, key, time.Now(), body)
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s (%w)", path, answer.Status, text, err)
	}
	return json.Unmarshal(text, to)
}

func (s *served) enrol() error {
	code, err := s.control.NewCode(context.Background(), "gateway")
	if err != nil {
		return err
	}
	body, err := json.Marshal(uplink.Enrolment{Code: code.Code, PublicKey: key.Public().(ed25519.PublicKey),
		Name: "gateway", Version: "test"})
	if err != nil {
		return err
	}
	var enrolled uplink.Enrolled
	return s.post(uplink.EnrolPath, "application/json", body, &enrolled)
}

// send sends the reports from one to before another one. A full queue lets it try again.
func (s *served) send(from, to uint64) error {
	var body []byte
	for n := from; n < to; n++ {
		say(power.Said{Who: "sink", What: power.Stores, Sequence: n})
		body = append(body, s.report(n)...)
	}
	var answer uplink.Reports
	for {
		err := s.post(uplink.ReportsPath, uplink.ContentType, body, &answer)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "503") && !strings.Contains(err.Error(), "429") {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(answer.Reports) != int(to-from) {
		return fmt.Errorf("%d reports, and the sink answers %+v", to-from, answer)
	}
	for n := from; n < to; n++ {
		if r := answer.Reports[n-from]; r.Sequence != n || r.Result == uplink.Refused {
			return fmt.Errorf("report %d: %+v", n, r)
		}
		say(power.Said{Who: "sink", What: power.Stored, Sequence: n})
	}
	return nil
}

// report returns a report of one flow, always the same.
func (s *served) report(n uint64) []byte {
	c := report.Config{Version: "test", Epoch: report.ID{7}, MaxFlows: 10}
	_, _ = hex.Decode(c.Agent[:], []byte(s.agent))
	r := report.New(c)
	r.Identify(c.Agent, c.Epoch, n)
	at := func(seconds uint64) report.Instant {
		return report.Instant{Wall: s.begin.UnixNano() + int64(seconds)*1e9, Monotonic: int64(seconds) * 1e9}
	}
	r.Begin(at(n), "")
	f := &record.Flow{CommunityID: []byte("1:" + strings.Repeat("A", 27) + "="), State: record.StateEnd,
		EndReason: record.EndClosed, Interface: "lan0", IPVersion: 4, Proto: packet.ProtoTCP,
		Direction: record.DirectionOutbound, Protocol: "tls", Application: "example", Category: "web",
		Hostname: []byte("www.example.com"), Method: record.MethodDPI, ApplicationMethod: record.ByHost,
		FirstSeen: at(n).Wall, LastSeen: at(n).Wall + 5e8}
	f.Client = record.Endpoint{Addr: netip.MustParseAddrPort("192.168.1.2:40000"), Packets: 3,
		Bytes: power.Bytes(n), Side: record.SideLAN}
	f.Server = record.Endpoint{Addr: netip.MustParseAddrPort("203.0.113.7:443"), Packets: 2, Side: record.SideWAN}
	copy(f.ID[:], fmt.Sprintf("%032x", n))
	r.Flow(f)
	return r.Close(&report.State{At: at(n + 1), Mode: "ebpf"})
}

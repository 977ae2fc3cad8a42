// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestReplayReportsLosses(t *testing.T) {
	short := []byte{0x45, 0, 0, 20} // a truncated IPv4 header
	lossy := captureFile(t, packet.LinkRaw, frameAt{0, ipv4(1, 17, datagram(60001))}, frameAt{1, short},
		frameAt{2, short})
	for _, output := range []string{"ndjson", "csv"} {
		status, out, stderr := weir("replay", "-o", output, lossy)
		if status != 0 || !strings.Contains(out, "192.0.2.1") ||
			!strings.HasPrefix(stderr, "weir: 2 packets not decoded: ") ||
			strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q on standard error", output, status, stderr)
		}
	}
	if _, out, stderr := weir("replay", "-o", "table", lossy); stderr != "" ||
		!strings.Contains(out, "2 packets not decoded: ") {
		t.Errorf("table: %q on standard error, got:\n%s", stderr, out)
	}
	nothing := captureFile(t, packet.LinkEthernet, frameAt{0, append(make([]byte, 12), 0x08, 0x06, 0, 1)},
		frameAt{1, make([]byte, 10)})
	for _, output := range []string{"ndjson", "csv", "table", "none"} { // the last two have it in their summary
		status, out, stderr := weir("replay", "-o", output, nothing)
		for _, cause := range []string{"1 packets not decoded: not-ip\n", "1 packets not decoded: truncated\n"} {
			if status != 0 || strings.Count(out+stderr, cause) != 1 ||
				(output == "ndjson" || output == "csv") != strings.Contains(stderr, cause) {
				t.Errorf("nothing decoded, %s: status %d, %q not said rightly: %q, %q", output, status, cause, out,
					stderr)
			}
		}
	}
}

// TestReplayCountsOnce: a packet that a capture of all interfaces shows both coming in and going out counts once, the
// summary reports that, and --count-each counts both.
func TestReplayCountsOnce(t *testing.T) {
	cooked := func(ifindex, packetType byte, ttl byte) []byte { // LINKTYPE_LINUX_SLL2
		header := []byte{8, 0, 0, 0, 0, 0, 0, ifindex, 0, 1, packetType, 6, 2, 0, 0, 0, 0, 1, 0, 0}
		b := ipv4(1, 17, datagram(60001))
		b[8] = ttl
		return append(header, b...)
	}
	forwarded := captureFile(t, packet.LinkLinuxSLL2, frameAt{0, cooked(2, 0, 64)}, frameAt{1, cooked(3, 4, 63)})
	for _, c := range []struct {
		flag, packets, copies string
	}{
		{"--no-progress", `"packets":1,`, "1 packets not counted on their way out"},
		{"--count-each", `"packets":2,`, ""},
	} {
		status, out, stderr := weir("replay", "-o", "ndjson", c.flag, forwarded)
		if status != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, c.packets) ||
			!strings.Contains(stderr, c.copies) || c.copies == "" && stderr != "" {
			t.Errorf("%s: status %d, %q, %q", c.flag, status, out, stderr)
		}
	}
}

func TestReplayMoreFilesThanMayBeOpen(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}()
	one := captureFile(t, packet.LinkRaw, frameAt{0, ipv4(1, 17, datagram(60001))})
	args := []string{"replay", "-o", "none"}
	for range 136 {
		args = append(args, one)
	}
	if status, out, stderr := weir(args...); status != 0 || !strings.Contains(out, "136 frames") {
		t.Errorf("status %d (%s), got:\n%s", status, stderr, out)
	}
}

// standardInput replaces the standard input with a pipe and returns the end to write to.
func standardInput(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdin
	os.Stdin = r
	t.Cleanup(func() { os.Stdin = old; r.Close(); w.Close() })
	return w
}

func TestReplayStandardInput(t *testing.T) {
	in := standardInput(t)
	if _, err := in.Write(mustRead(t, capture)); err != nil { // less than a pipe holds
		t.Fatal(err)
	}
	in.Close()
	_, want, _ := weir("replay", "-o", "ndjson", capture)
	if status, got, stderr := weir("replay", "-o", "ndjson", "-"); status != 0 || got != want {
		t.Errorf("status %d (%s), another output than from the file:\n%s", status, stderr, got)
	}
	standardInput(t).Close()
	if status, _, stderr := weir("replay", capture, "-", "-"); status != 2 ||
		!strings.Contains(stderr, "standard input") {
		t.Errorf("standard input twice: status %d: %s", status, stderr)
	}
}

func TestReplayNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	content := mustRead(t, capture)
	written := make(chan error)
	go func() { written <- os.WriteFile(pipe, content, 0o600) }()
	_, want, _ := weir("replay", "-o", "ndjson", capture)
	if status, got, stderr := weir("replay", "-o", "ndjson", pipe); status != 0 || got != want {
		t.Errorf("status %d (%s), another output than from the file", status, stderr)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestReplayPipeWithoutWriter: an interrupt ends a replay that waits for the first byte.
func TestReplayPipeWithoutWriter(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	options := replayOptions{Config: *config.Default()}
	options.Output.Format, options.Capture.Workers, options.Flows.MaxReplay = "ndjson", 1, 64
	go func() { ended <- replay(ctx, &options, []string{pipe}, io.Discard, io.Discard) }()
	stop()
	if err := wait.For(t, "the replay ends", ended); !errors.Is(err, errInterrupted) {
		t.Errorf("it ended with %v", err)
	}
}

// watched is an output that signals each write.
type watched struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.written <- struct{}{}:
	default:
	}
	return w.text.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestReplayRealtime: records appear during the replay, and a signal ends it with all flows so far.
func TestReplayRealtime(t *testing.T) {
	const ms = int64(time.Millisecond)
	slow := captureFile(t, packet.LinkRaw, frameAt{0, ipv4(1, 17, datagram(60001))},
		frameAt{1 * ms, ipv4(1, 17, datagram(60002))},
		frameAt{1001 * ms, ipv4(1, 17, datagram(60003))}, frameAt{50_000 * ms, ipv4(1, 17, datagram(60004))})
	for _, c := range []struct{ output, workers string }{{"ndjson", "1"}, {"csv", "2"}, {"table", "1"}} {
		t.Run(c.output, func(t *testing.T) {
			var stderr bytes.Buffer
			out := &watched{written: make(chan struct{}, 1)}
			ended := make(chan int)
			// One place for flows: the second one ends the first.
			go func() {
				ended <- run([]string{"replay", "--realtime", "--max-flows=1", "--workers", c.workers, "-o", c.output,
					slow}, out, &stderr)
			}()
			wait.For(t, "a record is seen", out.written)
			if got := out.String(); !strings.Contains(got, "60001") {
				t.Errorf("seen: %s", got)
			}
			if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
			status := wait.For(t, "the signal ends the replay", ended)
			if status != 1 || !strings.HasSuffix(stderr.String(), "weir: interrupted\n") ||
				strings.Count(stderr.String(), "interrupted") != 1 {
				t.Errorf("status %d, standard error: %s", status, stderr.String())
			}
			if got := out.String(); !strings.Contains(got, "60003") || strings.Contains(got, "60004") {
				t.Errorf("got in the end: %s", got)
			}
		})
	}
}

func TestReplayInterrupted(t *testing.T) {
	var frames []frameAt
	for i := range 10_000 {
		frames = append(frames, frameAt{int64(i), ipv4(1, 17, datagram(60001))})
	}
	long := captureFile(t, packet.LinkRaw, frames...)
	ended, end := context.WithCancel(context.Background())
	end()
	var out, stderr bytes.Buffer
	o := replayOptions{Config: *config.Default()}
	o.Output.Format = "none"
	if err := replay(ended, &o, []string{long}, &out, &stderr); !errors.Is(err, errInterrupted) {
		t.Errorf("before the first packet: %v", err)
	}
	p := testPlayer(io.Discard)
	r, err := (&input{name: long}).open()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.file(ended, r); !errors.Is(err, errInterrupted) || p.frames >= 10_000 {
		t.Errorf("amid the packets: %v after %d", err, p.frames)
	}
	standardInput(t)
	waiting, end := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer end()
	if _, _, err := checkInputs(waiting, []string{"-"}); !errors.Is(err, errInterrupted) {
		t.Errorf("while standard input is silent: %v", err)
	}
}

// testPlayer returns a player without output, with a progress bar 80 columns wide.
func testPlayer(stderr io.Writer) *player {
	return &player{
		options:  &replayOptions{},
		pipeline: engine.NewPipeline(engine.Config{Protocols: dissect.NewTable(protocols.All())}, 1, 0, nil),
		progress: &progress{out: stderr, width: 80, began: time.Now().Add(-time.Minute)},
		stderr:   stderr,
	}
}

// TestProgressOverFiles: the share is one of all files, those already played included.
func TestProgressOverFiles(t *testing.T) {
	var frames []frameAt
	for range 5000 { // an update comes every 4096
		frames = append(frames, frameAt{0, ipv4(1, 17, nil)[:10]})
	}
	long := captureFile(t, packet.LinkRaw, frames...)
	inputs, broken, err := checkInputs(context.Background(), []string{long, long})
	if broken != nil || err != nil {
		t.Fatal(broken, err)
	}
	var bar bytes.Buffer
	p := testPlayer(&bar)
	p.began = time.Now()
	if err := p.input(context.Background(), &inputs[0]); err != nil {
		t.Fatal(err)
	}
	if p.progress.size != 0 || !strings.Contains(bar.String(), "4096 packets") {
		t.Errorf("of unknown size: %q", bar.String())
	}
	bar.Reset()
	p = testPlayer(&bar)
	if err := p.all(context.Background(), inputs); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(long)
	if err != nil {
		t.Fatal(err)
	}
	if p.progress.size != 2*info.Size() || p.progress.before != info.Size() {
		t.Errorf("at the end: %d bytes in all, %d before the last file of %d", p.progress.size, p.progress.before,
			info.Size())
	}
	p.progress.drawn = time.Time{}
	bar.Reset()
	p.progress.update(info.Size()/2, 1)
	if !strings.Contains(bar.String(), " 75 %") {
		t.Errorf("halfway through the second file of two: %q", bar.String())
	}
	if totalSize(append(inputs, input{name: "-"})) != 0 {
		t.Error("a size with standard input among the files")
	}
}

func TestPanicLog(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	l := newPanicLog(dir, plainLogger(&stderr))
	c := &dissect.Conversation{Transport: dissect.UDP, Datagrams: []dissect.Datagram{
		{Payload: []byte("what broke it")}}}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 50 {
				l.add("tls", c, "index out of range")
			}
		})
	}
	workers.Wait()
	l.add("dns", c, "nil map")
	l.end()
	files, err := filepath.Glob(filepath.Join(dir, "weir-tls-*.bin"))
	if err != nil || len(files) != maxPanicFiles {
		t.Fatalf("%d files, want %d (%v)", len(files), maxPanicFiles, err)
	}
	if got := mustRead(t, files[0]); string(got) != "what broke it" {
		t.Errorf("saved %q", got)
	}
	want := "weir: the tls dissector broke (index out of range); the flow goes on without it\n" +
		"weir: the dns dissector broke (nil map); the flow goes on without it\n" +
		"weir: the tls dissector broke 200 times\n" +
		fmt.Sprintf("weir: --panic-dir: saved %d times of 201\n", maxPanicFiles)
	if stderr.String() != want {
		t.Errorf("standard error:\n%swant:\n%s", stderr.String(), want)
	}
	stderr.Reset()
	l = newPanicLog("/no/such/directory", plainLogger(&stderr))
	l.add("tls", c, "x")
	l.add("tls", c, "x")
	l.end()
	if got := stderr.String(); strings.Count(got, "no such file") != 1 || strings.Count(got, "\n") != 3 {
		t.Errorf("no directory: %s", got)
	}
}

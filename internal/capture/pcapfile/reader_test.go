// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// variants returns small captures of each kind.
func variants(t testing.TB) map[string][]byte {
	records := []pcapRecord{{1, 2, 5, 60, "first"}, {3, 4, 6, 6, "second"}, {5, 6, 0, 0, ""}, {5, 6, 6, 6, "fourth"}}
	nano, modified, big := plainPcap, plainPcap, plainPcap
	nano.magic, modified.magic, big.order = magicNanoseconds, magicModified, binary.BigEndian
	v := map[string][]byte{
		"pcap":              plainPcap.build(records...),
		"pcap nanoseconds":  nano.build(records...),
		"pcap modified":     modified.build(records...),
		"pcap big-endian":   big.build(records...),
		"pcapng":            pcapngOfEachBlock(binary.LittleEndian).b,
		"pcapng big-endian": pcapngOfEachBlock(binary.BigEndian).b,
	}
	v["pcap in gzip"] = gzipped(t, v["pcap"])
	v["pcapng in gzip"] = gzipped(t, v["pcapng"])
	v["pcap in zstd"] = zstandard(t, v["pcap"])
	v["pcap in gzip in zstd"] = zstandard(t, gzipped(t, v["pcap"]))
	return v
}

const (
	packetsOfVariant = 4
	blocksOfPcapng   = 11
)

// TestEveryTruncation cuts each variant everywhere. The result must be the first frames of the whole file, and then
// io.EOF at a boundary, or else an error with the offset.
func TestEveryTruncation(t *testing.T) {
	for name, whole := range variants(t) {
		t.Run(name, func(t *testing.T) {
			want, _, err := mustRead(t, bytes.NewReader(whole))
			if err != io.EOF || len(want) != packetsOfVariant {
				t.Fatalf("whole: %d frames, %v", len(want), err)
			}
			compressed := strings.Contains(name, " in ")
			ends := 0
			for n := range whole {
				r, err := NewReader(bytes.NewReader(whole[:n]), "test")
				if err != nil {
					var format *FormatError
					if !errors.As(err, &format) && !errors.Is(err, ErrEmpty) && !errors.Is(err, ErrNotCapture) {
						t.Errorf("cut at %d: %v, want another type", n, err)
					}
					if errors.Is(err, ErrEmpty) != (n == 0) && !compressed {
						t.Errorf("cut at %d: %v", n, err)
					}
					continue
				}
				got, err := readAll(r)
				r.Close()
				wantFrames(t, got, want[:min(len(got), len(want))])
				if err == io.EOF && !compressed {
					ends++
					continue
				}
				var format *FormatError
				if !errors.As(err, &format) || !format.Truncated && !compressed {
					t.Errorf("cut at %d: %v, want a FormatError", n, err)
				}
			}
			boundaries := packetsOfVariant // after the file header and each record but the last
			if strings.HasPrefix(name, "pcapng") {
				boundaries = blocksOfPcapng - 1
			}
			if !compressed && ends != boundaries {
				t.Errorf("%d cuts gave io.EOF, want %d", ends, boundaries)
			}
		})
	}
}

func TestTruncatedFileDeliversWhatItHas(t *testing.T) {
	b := plainPcap.build(pcapRecord{1, 2, 5, 5, "first"}, pcapRecord{1, 2, 6, 6, "second"})
	got, _, err := mustRead(t, bytes.NewReader(b[:len(b)-1]))
	wantFrames(t, got, []Frame{{[]byte("first"), 5, 1_000_002_000, 0, 0}})
	wantFormatError(t, err, fileHeaderLength+16+5, true)
}

// TestSmallReads feeds each variant in pieces, as a pipe may.
func TestSmallReads(t *testing.T) {
	for name, b := range variants(t) {
		want, _, _ := mustRead(t, bytes.NewReader(b))
		for how, in := range map[string]io.Reader{
			"one byte":             iotest.OneByteReader(bytes.NewReader(b)),
			"half":                 iotest.HalfReader(bytes.NewReader(b)),
			"nothing now and then": &reluctant{in: bytes.NewReader(b)},
			"data with EOF":        iotest.DataErrReader(bytes.NewReader(b)),
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				got, _, err := mustRead(t, in)
				if err != io.EOF {
					t.Errorf("at the end: %v, want io.EOF", err)
				}
				wantFrames(t, got, want)
			})
		}
	}
}

// reluctant returns nothing at every second read.
type reluctant struct {
	in    io.Reader
	given bool
}

func (r *reluctant) Read(p []byte) (int, error) {
	if r.given = !r.given; r.given {
		return 0, nil
	}
	return r.in.Read(p)
}

// TestFailedRead has a failing source: its error must come through unchanged, even through a decompressor.
func TestFailedRead(t *testing.T) {
	broken := errors.New("input/output error")
	for name, b := range variants(t) {
		t.Run(name, func(t *testing.T) {
			for n := range b {
				r, err := NewReader(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken)), "test")
				if err == nil {
					_, err = readAll(r)
					r.Close()
				}
				if !errors.Is(err, broken) {
					t.Fatalf("broken at %d: %v, want the error of the read", n, err)
				}
			}
		})
	}
}

func TestStuckSource(t *testing.T) {
	_, err := NewReader(stuck{}, "test")
	wantFormatError(t, err, 0, false)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestWindowBoundary has records of all sizes, many windows of them, so that records cross the window's end in all
// ways.
func TestWindowBoundary(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, ethernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 3000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	const packets = 4000
	for i := range packets {
		if err := w.WritePacket(int64(i), data[:i%len(data)], 0); err != nil {
			t.Fatal(err)
		}
	}
	if file.Len() < 4*windowSize {
		t.Fatalf("%d bytes do not fill the window often enough", file.Len())
	}
	r, err := NewReader(&file, "test")
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	for i := range packets {
		if err := r.Next(&f); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if f.Time != int64(i) || !bytes.Equal(f.Data, data[:i%len(data)]) {
			t.Fatalf("packet %d: %d bytes at %d", i, len(f.Data), f.Time)
		}
	}
	if err := r.Next(&f); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
	if len(r.window.buf) != windowSize {
		t.Errorf("the window grew to %d bytes, though the longest record is %d", len(r.window.buf), len(data))
	}
}

func TestNoCapture(t *testing.T) {
	tests := []struct {
		name string
		b    string
		want error
		text string
	}{
		{"nothing", "", ErrEmpty, "test: empty capture file"},
		{"nothing in gzip", string(gzipped(t, nil)), ErrEmpty, "test: empty capture file"},
		{"nothing in zstd", string(zstandard(t, []byte{})), ErrEmpty, "test: empty capture file"},
		{"zip", "PK\x03\x04rest", ErrNotCapture, "test: not a capture file: begins with 50 4b 03 04 (a zip archive?)"},
		{"JSON", `{"type":"flow"}`, ErrNotCapture, "(JSON?)"},
		{"no idea", "\x00\x01\x02\x03", ErrNotCapture, "begins with 00 01 02 03"},
		{"three bytes", "\xd4\xc3\xb2", ErrNotCapture, "begins with d4 c3 b2"},
		{"text in gzip", string(gzipped(t, []byte("<html>"))), ErrNotCapture, "(XML or HTML?)"},
		{"thrice compressed", string(gzipped(t, gzipped(t, zstandard(t, plainPcap.build())))), ErrNotCapture,
			"compressed more than 2 times"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewReader(strings.NewReader(tt.b), "test")
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	b := plainPcap.build(pcapRecord{1, 2, 5, 5, "first"})
	path := filepath.Join(dir, "a.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(r)
	if err != io.EOF || len(frames) != 1 {
		t.Errorf("%d frames, %v", len(frames), err)
	}
	if r.Size() != int64(len(b)) || r.Offset() != int64(len(b)) {
		t.Errorf("offset %d of %d, want %d of the same", r.Offset(), r.Size(), len(b))
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := r.Next(new(Frame)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next after Close: %v, want os.ErrClosed", err)
	}
	if _, err := Open(filepath.Join(dir, "missing.pcap")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v, want fs.ErrNotExist", err)
	}
	var pathError *fs.PathError
	if _, err := Open(dir); !errors.As(err, &pathError) {
		t.Errorf("a directory: %v, want a PathError", err)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	const runs = 5000
	var pcap bytes.Buffer
	w, err := NewWriter(&pcap, ethernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	ng := newPcapng(binary.LittleEndian)
	data := strings.Repeat("x", 700)
	for range runs + 10 {
		if err := w.WritePacket(0, []byte(data), 0); err != nil {
			t.Fatal(err)
		}
		ng.enhanced(0, 0, data, 0)
	}
	for name, b := range map[string][]byte{"pcap": pcap.Bytes(), "pcapng": ng.b} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(b), "test")
			if err != nil {
				t.Fatal(err)
			}
			var f Frame
			allocs := testing.AllocsPerRun(runs, func() {
				if err := r.Next(&f); err != nil {
					t.Fatal(err)
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations per packet, want 0", allocs)
			}
		})
	}
}

// TestTsharkAgrees makes tshark, which has a reader of its own, read the files that these tests build.
func TestTsharkAgrees(t *testing.T) {
	files := variants(t)
	for _, name := range []string{"pcap nanoseconds", "pcapng big-endian"} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, files[name], 0o600); err != nil {
			t.Fatal(err)
		}
		theirs, err := exec.Command("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.len", "-e",
			"frame.cap_len", "-e", "frame.time_epoch").Output()
		if err != nil {
			t.Fatalf("%s: tshark: %v", name, err)
		}
		var ours strings.Builder
		frames, _, _ := mustRead(t, bytes.NewReader(files[name]))
		for _, f := range frames {
			fmt.Fprintf(&ours, "%d\t%d\t", f.Length, len(f.Data))
			if string(f.Data) != "fourth" || !strings.HasPrefix(name, "pcapng") { // a Simple Packet Block has no time
				fmt.Fprintf(&ours, "%d.%09d", f.Time/1e9, f.Time%1e9)
			}
			fmt.Fprintln(&ours)
		}
		if ours.String() != string(theirs) {
			t.Errorf("%s: we read\n%sand tshark\n%s", name, ours.String(), theirs)
		}
	}
}

// FuzzReader: whatever the bytes, reading ends after work in proportion, without panic, and each frame is consistent.
func FuzzReader(f *testing.F) {
	for _, b := range variants(f) {
		f.Add(b)
	}
	p := newPcapng(binary.LittleEndian)
	p.iface(1, 0, pcapngOption{optionTimeResolution, []byte{0xff}}, pcapngOption{optionTimeOffset,
		[]byte("\xff\xff\xff\xff\xff\xff\xff\x7f")})
	p.section(binary.BigEndian, 100)
	f.Add(p.b)
	f.Fuzz(func(t *testing.T, b []byte) {
		counted := &counter{in: bytes.NewReader(b)}
		r, err := NewReader(counted, "fuzz")
		if err != nil {
			return
		}
		defer r.Close()
		var frame Frame
		for packets := int64(1); ; packets++ {
			if err := r.Next(&frame); err != nil {
				if frame.Data != nil {
					t.Fatal("an error came with a frame")
				}
				break
			}
			if len(frame.Data) > MaxRecordLength || frame.Length < len(frame.Data) ||
				frame.Interface >= len(r.Interfaces()) {
				t.Fatalf("frame of %d bytes of %d on interface %d of %d", len(frame.Data), frame.Length,
					frame.Interface, len(r.Interfaces()))
			}
			// A record takes at least 16 bytes of the capture.
			if at := r.window.offset(); packets > at/16 {
				t.Fatalf("%d packets in %d bytes", packets, at)
			}
		}
		if len(r.window.buf) > 2*MaxRecordLength || len(r.Interfaces()) > MaxInterfaces {
			t.Fatalf("a window of %d bytes, %d interfaces", len(r.window.buf), len(r.Interfaces()))
		}
		// Each read but the last few returns something.
		if counted.reads > len(b)+3 {
			t.Fatalf("%d reads of %d bytes", counted.reads, len(b))
		}
	})
}

type counter struct {
	in    io.Reader
	reads int
}

func (c *counter) Read(p []byte) (int, error) {
	c.reads++
	return c.in.Read(p)
}

// SPDX-License-Identifier: Apache-2.0

package libpcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// record returns one record of a stream.
func record(kind, link uint16, index, wireOrCode uint32, at int64, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, link)
	b = binary.NativeEndian.AppendUint32(b, index)
	b = binary.NativeEndian.AppendUint32(b, wireOrCode)
	b = binary.NativeEndian.AppendUint64(b, uint64(at))
	return append(b, payload...)
}

func lossRecord(ring, device uint64) []byte {
	b := binary.NativeEndian.AppendUint64(nil, ring)
	return record(kindLoss, 0, 7, 0, 0, binary.NativeEndian.AppendUint64(b, device))
}

// sampleTime is the time of the sample's first frame.
var sampleTime = time.Now().UnixNano()

func sample() []byte {
	return bytes.Join([][]byte{
		record(kindHello, 0, 0, 0, 0, []byte("libpcap 1")),
		record(kindWatching, 1, 7, 0, 0, nil),
		record(kindFrame, 1, 7, 2000, sampleTime, []byte("first frame")),
		lossRecord(3, 4),
		record(kindFrame, 113, 8, 0, -1, nil),
		lossRecord(5, 0),
		record(kindEnded, 0, 7, uint32(CodeGone), 0, []byte("has vanished")),
		record(kindBye, 0, 0, 0, 0, nil),
	}, nil)
}

// pieces is a Stream that delivers its bytes n at a time.
type pieces struct {
	b   []byte
	n   int
	end error
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, p.end
	}
	n := copy(b, p.b[:min(p.n, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}
func (p *pieces) SetReadDeadline(time.Time) error { return nil }
func (p *pieces) Close() error                    { return nil }

type got struct {
	capture.Frame
	data string
}

// readAll reads to the end.
func readAll(s Stream) (frames []got, events []Event, r *Reader, err error) {
	r = NewReader(s, func(e Event) { events = append(events, e) })
	for err == nil {
		err = r.Read(time.Second, func(f *capture.Frame) {
			g := got{*f, string(f.Data)}
			g.Data = nil
			frames = append(frames, g)
		})
	}
	return frames, events, r, err
}

func TestReaderInPieces(t *testing.T) {
	for n := 1; n <= len(sample()); n++ {
		frames, events, r, err := readAll(&pieces{sample(), n, io.EOF})
		if err != io.EOF || len(frames) != 2 || len(events) != 2 || r.Version() != "libpcap 1" {
			t.Fatalf("pieces of %d: %v, %d frames, events %v, version %q", n, err, len(frames), events, r.Version())
		}
		f := frames[0]
		if f.data != "first frame" || f.Length != 2000 || f.Time != sampleTime || f.Interface != 7 || f.Link != 1 ||
			f.Flow.Slot != capture.NotCounted || frames[1].Link != 113 || frames[1].Time < sampleTime ||
			frames[1].Interface != 8 {
			t.Fatalf("pieces of %d: %+v", n, frames)
		}
		if events[0] != (Event{Interface: 7, Link: 1}) || !errors.Is(events[1].Err, unix.ENODEV) ||
			events[1].Err.Code != CodeGone {
			t.Fatalf("pieces of %d: %+v", n, events)
		}
		var l capture.Losses
		if r.Losses(&l); l != (capture.Losses{RingFull: 8, Interface: 4}) {
			t.Fatalf("pieces of %d: %+v", n, l)
		}
	}
}

// TestReaderTruncated: a stream that ends before its farewell comes from a process that died.
func TestReaderTruncated(t *testing.T) {
	for n := range len(sample()) {
		if _, _, r, err := readAll(&pieces{sample()[:n], n + 1, io.EOF}); err != ErrDied || r.Read(0, nil) != ErrDied {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	hello := record(kindHello, 0, 0, 0, 0, nil)
	for name, b := range map[string][]byte{
		"too long a frame": append(hello[:headerBytes:headerBytes], record(kindFrame, 1, 1, 1<<20, 0,
			make([]byte, maxPayload+1))...),
		"too long a text": append(hello[:headerBytes:headerBytes],
			record(kindEnded, 0, 1, 0, 0, make([]byte, maxTextBytes+1))...),
		"too long a hello": record(kindHello, 0, 0, 0, 0, make([]byte, maxTextBytes+1)),
		"no hello":         record(kindFrame, 1, 1, 0, 0, nil),
		"two hellos":       append(hello[:headerBytes:headerBytes], hello...),
		"unknown kind":     append(hello[:headerBytes:headerBytes], record(99, 0, 0, 0, 0, nil)...),
		"loss of a wrong size": append(hello[:headerBytes:headerBytes],
			record(kindLoss, 0, 0, 0, 0, make([]byte, 15))...),
		"shorter than captured": append(hello[:headerBytes:headerBytes],
			record(kindFrame, 1, 1, 3, 0, make([]byte, 4))...),
		"longer than any frame": append(hello[:headerBytes:headerBytes], record(kindFrame, 1, 1, 1<<31, 0,
			make([]byte, 4))...),
		"something after farewell": append(sample(), record(kindFrame, 1, 1, 1, 0, []byte{0})...),
	} {
		if _, _, _, err := readAll(&pieces{b, len(b), io.EOF}); !errors.Is(err, ErrStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := append(hello[:headerBytes:headerBytes], record(kindFailed, 0, 0, uint32(CodeFilter), 0,
		[]byte("syntax error"))...)
	var failure *Error
	if _, _, _, err := readAll(&pieces{b, len(b), io.EOF}); !errors.As(err, &failure) ||
		failure.Error() != "libpcap: syntax error" ||
		!errors.Is(err, unix.EINVAL) {
		t.Errorf("failed: %v", err)
	}
}

// TestReaderLargestFrames: the largest frame fits whatever the sizes of the reads.
func TestReaderLargestFrames(t *testing.T) {
	b := record(kindHello, 0, 0, 0, 0, nil)
	for range 20 {
		b = append(b, record(kindFrame, 1, 1, maxPayload, 0, make([]byte, maxPayload))...)
	}
	b = append(b, record(kindBye, 0, 0, 0, 0, nil)...)
	for _, n := range []int{4096, 65536, len(b)} {
		if frames, _, _, err := readAll(&pieces{b, n, io.EOF}); err != io.EOF || len(frames) != 20 {
			t.Errorf("reads of %d: %d frames, %v", n, len(frames), err)
		}
	}
}

func TestReaderTimeoutAndClose(t *testing.T) {
	stream, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r := NewReader(stream, nil)
	if err := r.Read(time.Millisecond, nil); err != nil {
		t.Fatalf("nothing there: %v", err)
	}
	ended := make(chan error)
	go func() { ended <- r.Read(time.Minute, nil) }()
	wait.Blocked(t, "libpcap.(*Reader).Read")
	r.Close()
	if err := wait.For(t, "Read ends", ended); err != net.ErrClosed {
		t.Errorf("Read while Close: %v", err)
	}
	if err := r.Read(0, nil); err != net.ErrClosed {
		t.Errorf("Read after Close: %v", err)
	}
}

// endless delivers the same frames for ever.
type endless struct {
	pieces
	all []byte
}

func (e *endless) Read(b []byte) (int, error) {
	if len(e.b) == 0 {
		e.b = e.all
	}
	return e.pieces.Read(b)
}

func framesOnly(size, count int) *endless {
	var all []byte
	for range count {
		all = append(all, record(kindFrame, 1, 1, uint32(size), 1, make([]byte, size))...)
	}
	return &endless{pieces{record(kindHello, 0, 0, 0, 0, nil), 64 << 10, nil}, all}
}

func TestReaderAllocates(t *testing.T) {
	r := NewReader(framesOnly(100, 1000), nil)
	frames := 0
	each := func(*capture.Frame) { frames++ }
	if n := testing.AllocsPerRun(100, func() {
		if err := r.Read(time.Second, each); err != nil {
			t.Fatal(err)
		}
	}); n != 0 || frames < 10000 {
		t.Errorf("%v allocations a read, %d frames", n, frames)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sample(), 1000)
	f.Add(sample(), 3)
	f.Add(sample()[:70], 24)
	f.Add(append(record(kindHello, 0, 0, 0, 0, nil), record(kindFailed, 0, 0, 1, 0, []byte("x"))...), 7)
	f.Add(append(record(kindHello, 0, 0, 0, 0, nil), record(kindFrame, 1, 1, 1<<31, 0, []byte("x"))...), 9)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		whole, _, _, wantErr := readAll(&pieces{b, len(b) + 1, io.EOF})
		cut, _, _, err := readAll(&pieces{b, max(n, 1), io.EOF})
		if len(whole) != len(cut) || err.Error() != wantErr.Error() {
			t.Fatalf("in one: %d frames, %v; in pieces: %d, %v", len(whole), wantErr, len(cut), err)
		}
		for i, g := range cut {
			if w := whole[i]; g.data != w.data || g.Length != w.Length || g.Length < len(g.data) {
				t.Fatalf("frame %d: %+v, %+v", i, whole[i], g)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	for name, size := range map[string]int{"small": 66, "full": 1514} {
		b.Run(name, func(b *testing.B) {
			r := NewReader(framesOnly(size, 5000), nil)
			frames, sum := 0, 0
			each := func(f *capture.Frame) { frames++; sum += int(f.Data[0]) }
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Read(time.Second, each); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
		})
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{SnapLength: 63}, {SnapLength: 65536}, {SnapLength: -1}, {BufferBytes: 1},
		{BufferBytes: maxBufferBytes + 1}} {
		var b bytes.Buffer
		if err := writeConfig(&b, c); err != nil {
			t.Fatal(err)
		}
		if _, err := readConfig(&b); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	var b bytes.Buffer
	if err := writeConfig(&b, Config{Filter: "tcp"}); err != nil {
		t.Fatal(err)
	}
	want := Config{"tcp", DefaultSnapLength, DefaultBufferBytes, false}
	for n := range b.Len() {
		if _, err := readConfig(bytes.NewReader(b.Bytes()[:n])); err == nil {
			t.Errorf("%d bytes are taken", n)
		}
	}
	if c, err := readConfig(&b); err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
	if err := writeConfig(io.Discard, Config{Filter: string(make([]byte, maxConfigBytes))}); err == nil {
		t.Error("any filter length is taken")
	}
}

func TestNotBuilt(t *testing.T) {
	if Built {
		t.Skip("this build has libpcap")
	}
	if _, err := Open(exec.Command("true"), Config{}); err != ErrNotBuilt {
		t.Errorf("Open: %v", err)
	}
	if err := Capture(nil, nil); err != ErrNotBuilt {
		t.Errorf("Capture: %v", err)
	}
}

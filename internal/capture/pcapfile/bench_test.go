// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// benchTraceBytes is large compared with a CPU's caches and small compared with memory, so that the page cache holds
// the file.
const benchTraceBytes = 200 << 20

// BenchmarkReader reads a trace from the page cache. With packets of the sizes that a gateway sees, most of the time is
// the kernel's copy of their bytes; with small ones, our own work.
func BenchmarkReader(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	mixed := func(i int) int { return []int{1514, 66, 60 + random.IntN(1400)}[i%3] }
	small := func(int) int { return 66 }
	b.Run("pcap, small packets", func(b *testing.B) { benchmarkTrace(b, writePcapTrace, small) })
	b.Run("pcap, mixed packets", func(b *testing.B) { benchmarkTrace(b, writePcapTrace, mixed) })
	b.Run("pcapng, small packets", func(b *testing.B) { benchmarkTrace(b, writePcapngTrace, small) })
}

func benchmarkTrace(b *testing.B, write func(io.Writer, func(int) int) error, size func(int) int) {
	path := filepath.Join(b.TempDir(), "trace")
	if err := writeFile(path, size, write); err != nil {
		b.Fatal(err)
	}
	packets, bytes := 0, 0
	for b.Loop() {
		r, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(r.Size())
		var f Frame
		for err = r.Next(&f); err == nil; err = r.Next(&f) {
			packets++
			bytes += len(f.Data) + int(f.Data[0]) // touched, as by every user
		}
		r.Close()
		if err != io.EOF {
			b.Fatal(err)
		}
	}
	if bytes < benchTraceBytes {
		b.Fatalf("read %d bytes", bytes)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
}

func writeFile(path string, size func(int) int, write func(io.Writer, func(int) int) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := write(buffered, size); err != nil {
		return err
	}
	return buffered.Flush()
}

func writePcapTrace(out io.Writer, size func(int) int) error {
	w, err := NewWriter(out, ethernet, 0)
	if err != nil {
		return err
	}
	data := make([]byte, 1514)
	for i, written := 0, 0; written < benchTraceBytes; i++ {
		n := size(i)
		written += n
		if err := w.WritePacket(int64(i)*1000, data[:n], n); err != nil {
			return err
		}
	}
	return nil
}

func writePcapngTrace(out io.Writer, size func(int) int) error {
	p := newPcapng(binary.LittleEndian)
	data := strings.Repeat("x", 1514)
	for i, written := 0, 0; written < benchTraceBytes; i++ {
		n := size(i)
		written += n
		p.enhanced(0, uint64(i), data[:n], uint32(n))
		if _, err := out.Write(p.b); err != nil {
			return err
		}
		p.b = p.b[:0]
	}
	return nil
}

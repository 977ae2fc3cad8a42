// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxLayers bounds the layers of compression. A .pcap.gz inside a .zst happens; each further layer multiplies by a
	// thousand or more what a few bytes expand to.
	maxLayers = 2
	// maxZstdWindow bounds the memory that a zstd frame may request: 128 MiB, the default limit of zstd(1).
	maxZstdWindow = 128 << 20
)

// decompress sets r.window to the capture inside the source's compression.
func (r *Reader) decompress() error {
	var in io.Reader = r.source
	for layer := 0; ; layer++ {
		r.window = newWindow(in, windowSize)
		head, err := r.window.peek(magicLength)
		if len(head) == 0 {
			return r.nothing(err)
		}
		open := decompressor(head)
		if open == nil {
			return nil
		}
		if layer == maxLayers {
			return fmt.Errorf("%s: %w: compressed more than %d times", r.name, ErrNotCapture, maxLayers)
		}
		if in, err = open(r, r.window); err != nil {
			return r.cut(0, "the compression header", err)
		}
	}
}

// nothing returns the error for a capture without a readable byte.
func (r *Reader) nothing(cause error) error {
	if cause == io.EOF {
		return fmt.Errorf("%s: %w", r.name, ErrEmpty)
	}
	return r.cut(0, "the file header", cause)
}

// decompressor returns the function that undoes the compression with which a stream begins, nil for none. The magic
// numbers are those of RFC 1952 §2.3.1 and RFC 8878 §3.1.1 and §3.1.2.
func decompressor(head []byte) func(*Reader, io.Reader) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return openGzip
	case len(head) < magicLength:
		return nil
	case binary.LittleEndian.Uint32(head) == 0xfd2fb528,
		binary.LittleEndian.Uint32(head)&^0xf == 0x184d2a50: // a skippable frame; the data follow
		return openZstd
	}
	return nil
}

// openGzip reads all members of a gzip stream as one.
func openGzip(r *Reader, in io.Reader) (io.Reader, error) {
	return gzip.NewReader(in)
}

func openZstd(r *Reader, in io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, func() error { d.Close(); return nil })
	return d, nil
}

// notCapture returns the error for a stream that begins as no capture does.
func (r *Reader) notCapture(head []byte) error {
	for _, k := range knownMagic {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return fmt.Errorf("%s: %w: begins with % x (%s?)", r.name, ErrNotCapture, head, k.kind)
		}
	}
	return fmt.Errorf("%s: %w: begins with % x", r.name, ErrNotCapture, head)
}

// knownMagic lists kinds of files that users mistake for captures.
var knownMagic = []struct{ magic, kind string }{
	{"PK\x03\x04", "a zip archive"},
	{"BZh", "bzip2"},
	{"\xfd7zX", "xz"},
	{"\x04\x22\x4d\x18", "lz4"},
	{"7z\xbc\xaf", "a 7-Zip archive"},
	{"\x7fELF", "a program"},
	{"snoo", "snoop"},
	{"RTSS", "Network Monitor"},
	{"GMBU", "Network Monitor"},
	{"{", "JSON"},
	{"<", "XML or HTML"},
}

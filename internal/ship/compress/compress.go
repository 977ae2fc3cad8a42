// SPDX-License-Identifier: Apache-2.0

// Package compress makes reports small. Compressed reports may be concatenated: each is a frame (zstd) or a member
// (gzip) of its own.
package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Encoding is the way in which a report is compressed. Its number is in the spool's files.
type Encoding uint8

// Encodings.
const (
	None Encoding = iota
	Gzip
	Zstd
	numEncodings
)

func (e Encoding) String() string {
	if !e.IsValid() {
		return "unknown"
	}
	return [numEncodings]string{"none", "gzip", "zstd"}[e]
}

// IsValid reports whether e is one of the encodings.
func (e Encoding) IsValid() bool { return e < numEncodings }

// Header is the value of the header Content-Encoding; "" means no header.
func (e Encoding) Header() string {
	if e == None {
		return ""
	}
	return e.String()
}

// Parse returns the encoding with that name.
func Parse(name string) (Encoding, bool) {
	for e := None; e < numEncodings; e++ {
		if e.String() == name {
			return e, true
		}
	}
	return None, false
}

// window is that of zstd, and the level is the fastest. On reports of all recordings (44 bytes a flow) a larger window,
// of which a sink takes 8 MiB, saves nothing; the next level costs 2 % and 1 MiB of memory more, the one after it saves
// 5 % and costs 4 MiB.
const window = 512 << 10

// Compressor compresses one report after the other. Its zero value is ready; it is not safe for several goroutines.
type Compressor struct {
	zstd *zstd.Encoder
	gzip *gzip.Writer
}

// Compress appends the compressed report to dst.
func (c *Compressor) Compress(dst, report []byte, e Encoding) []byte {
	switch e {
	case Zstd:
		if c.zstd == nil {
			c.zstd = must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
				zstd.WithWindowSize(window), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithZeroFrames(true)))
		}
		return c.zstd.EncodeAll(report, dst)
	case Gzip:
		b := bytes.NewBuffer(dst)
		if c.gzip == nil {
			c.gzip = gzip.NewWriter(b)
		}
		c.gzip.Reset(b)
		_, _ = c.gzip.Write(report) // a Buffer takes everything
		_ = c.gzip.Close()
		return b.Bytes()
	default:
		return append(dst, report...)
	}
}

// Decompress returns what reports of Compress were before, one after the other; an error if that is more than most
// bytes.
func Decompress(reports []byte, e Encoding, most int64) (text []byte, err error) {
	var in io.Reader = bytes.NewReader(reports)
	switch e {
	case Zstd:
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, err
		}
		defer d.Close()
		in = d
	case Gzip:
		if in, err = gzip.NewReader(in); err != nil {
			return nil, err
		}
	}
	text, err = io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(text)) > most {
		err = errors.New("more than " + strconv.FormatInt(most, 10) + " bytes")
	}
	return text, err
}

// must returns an encoder whose options are constants.
func must(e *zstd.Encoder, err error) *zstd.Encoder {
	if err != nil {
		panic(err)
	}
	return e
}

// Size returns the size that a report of Compress had before, to 255 bytes: so small a frame of zstd does not say it.
func Size(report []byte, e Encoding) int {
	switch e {
	case Zstd: // RFC 8878, section 3.1.1.1: Frame_Content_Size
		var h zstd.Header
		if h.Decode(report) != nil || !h.HasFCS {
			return 255
		}
		return int(min(h.FrameContentSize, 1<<30))
	case Gzip: // RFC 1952, section 2.3.1: ISIZE
		if len(report) < 4 {
			return 0
		}
		return int(min(binary.LittleEndian.Uint32(report[len(report)-4:]), 1<<30))
	default:
		return len(report)
	}
}

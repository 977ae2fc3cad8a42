// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Lines reads lines of records, of at most MaxLine bytes each.
type Lines struct {
	in   *bufio.Reader
	long []byte // has the room for a line that in's buffer is too small for
}

// NewLines returns Lines of a source.
func NewLines(in io.Reader) *Lines { return &Lines{in: bufio.NewReaderSize(in, 64<<10)} }

// Next returns a line without its end, which is valid until the next call. The last one may come with io.EOF, if the
// source does not end it.
func (l *Lines) Next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = l.in.ReadSlice('\n')
			if len(l.long)+len(line) > MaxLine {
				return nil, fmt.Errorf("a line of more than %d bytes", MaxLine)
			}
			l.long = append(l.long, line...)
		}
		line = l.long
	}
	return bytes.TrimSuffix(line, []byte("\n")), err
}

// HasMore reports whether more than the last line has come already.
func (l *Lines) HasMore() bool { return l.in.Buffered() > 0 }

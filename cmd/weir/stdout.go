// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// errClosed is the error of a command without a standard output.
var errClosed = errors.New("standard output is closed")

// output is the standard output. It keeps its first error, which commands that print a few lines ignore.
type output struct {
	*os.File
	closed bool // closed when weir was started
	needed bool // a closed one is an error
	err    error
}

func newOutput() *output {
	return &output{File: os.Stdout, closed: isClosed(os.Stdout)}
}

func (o *output) Write(b []byte) (int, error) {
	if o.closed && o.needed {
		o.err = errClosed
		return 0, errClosed
	}
	n, err := o.File.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// WriteString is Write; without it, callers would use the embedded file's.
func (o *output) WriteString(s string) (int, error) { return o.Write([]byte(s)) }

// needOutput makes a closed standard output an error: records would be lost.
func needOutput(w io.Writer) {
	if o, ok := w.(*output); ok {
		o.needed = true
	}
}

// isClosed reports whether a standard descriptor was closed when weir was started. Go's runtime then opens /dev/null in
// its place, for reading and writing. Few others do: a daemon, for all three, and scripts that only need the status.
func isClosed(f *os.File) bool {
	return isNullForBoth(f) && !(isNullForBoth(os.Stdin) && isNullForBoth(os.Stderr))
}

func isNullForBoth(f *os.File) bool {
	var s unix.Stat_t
	if unix.Fstat(int(f.Fd()), &s) != nil || s.Mode&unix.S_IFMT != unix.S_IFCHR || uint64(s.Rdev) != unix.Mkdev(1, 3) {
		return false
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}

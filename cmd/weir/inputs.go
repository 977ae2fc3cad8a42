// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/pcapfile"
)

// errInterrupted is the end of a replay that was told to stop.
var errInterrupted = partialError{errors.New("interrupted")}

// input is a capture that was found to be one.
type input struct {
	name string
	size int64 // as it is stored, 0 where that is unknown
	// reader is open from the start where opening again would lose bytes: standard input, pipes.
	reader *pcapfile.Reader
}

// checkInputs opens every file before anything is read, so that a mistake in the last name costs nothing, and closes it
// again, so that there may be more of them than a process may hold open. A file that breaks off within its own header
// is told at the end (broken): there is nothing in it to report.
func checkInputs(ctx context.Context, names []string) (inputs []input, broken, err error) {
	stdin := false
	for _, name := range names {
		if name == "-" && stdin {
			return nil, nil, errors.New("standard input can be read only once")
		}
		stdin = stdin || name == "-"
		r, err := openInput(ctx, name)
		var format *pcapfile.FormatError
		if errors.As(err, &format) {
			broken = errors.Join(broken, err)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		in := input{name, r.Size(), r}
		if in.size > 0 {
			_ = r.Close() // it was only read
			in.reader = nil
		}
		inputs = append(inputs, in)
	}
	return inputs, broken, nil
}

// open returns the input's reader, at its first packet.
func (in *input) open() (*pcapfile.Reader, error) {
	if in.reader != nil {
		return in.reader, nil
	}
	return pcapfile.Open(in.name)
}

func openInput(ctx context.Context, name string) (*pcapfile.Reader, error) {
	if name == "-" {
		return pcapfile.NewReader(&stoppable{ctx, os.Stdin}, "standard input")
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return pcapfile.Open(name)
	}
	// A pipe is opened without waiting for who writes to it: reading waits, and stops when it is told to.
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	r, err := pcapfile.NewReader(&stoppable{ctx, file}, name)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	r.OnClose(file.Close)
	return r, nil
}

// totalSize is what all inputs have together, 0 where that is unknown.
func totalSize(inputs []input) (total int64) {
	for _, in := range inputs {
		if in.size == 0 {
			return 0
		}
		total += in.size
	}
	return total
}

// stoppable reads a file until the context ends, even while nothing comes.
type stoppable struct {
	ctx  context.Context
	file *os.File
}

func (s *stoppable) Read(p []byte) (int, error) {
	const patience = 100 // milliseconds until the context is looked at again
	for {
		if s.ctx.Err() != nil {
			return 0, errInterrupted
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.file.Fd()), Events: unix.POLLIN}}, patience)
		if n == 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		n, err = s.file.Read(p)
		if errors.Is(err, unix.EAGAIN) { // another reader was first
			continue
		}
		return n, err
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/pcapfile"
)

// errInterrupted is the error of an interrupted replay.
var errInterrupted = partialError{errors.New("interrupted")}

// input is a capture that has passed a first check.
type input struct {
	name string
	size int64 // of the stored file, 0 if unknown
	// reader stays open if opening again would lose bytes: standard input, pipes.
	reader *pcapfile.Reader
}

// checkInputs opens every file before any is read, so that a mistake in the last name costs nothing, and closes it
// again, so that the number of files may exceed the limit of open ones. broken holds errors of files that end within
// their own header, to report at the end: these have no packets.
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
	// The open does not wait for a pipe's writer: reading does, and can be interrupted.
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

// totalSize returns the size of all inputs, 0 if unknown.
func totalSize(inputs []input) (total int64) {
	for _, in := range inputs {
		if in.size == 0 {
			return 0
		}
		total += in.size
	}
	return total
}

// stoppable reads a file until the context ends, even while no data come.
type stoppable struct {
	ctx  context.Context
	file *os.File
}

func (s *stoppable) Read(p []byte) (int, error) {
	const patience = 100 // milliseconds between checks of the context
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

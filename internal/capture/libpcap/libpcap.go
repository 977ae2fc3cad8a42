// SPDX-License-Identifier: Apache-2.0

// Package libpcap captures with libpcap, in a process of its own: libpcap needs cgo, and a process with cgo cannot drop
// the rights of all its threads. That process (Capture) opens handles, inspects no packet and writes a stream of frames
// to a pipe; the agent, without any right, reads the stream (Reader). Only Capture needs the build tag libpcap and cgo.
//
// # How often packets count
//
// On a gateway that is watched on both sides, a forwarded packet comes in on one interface and goes out on the other.
// It counts where it comes in:
//
//   - With Once, the kernel drops outgoing packets that a watched interface received; the machine's own packets count.
//   - Without it (the kernel refuses eBPF), only incoming packets are captured while several interfaces are watched:
//     the machine's own packets do not count then. With one interface, both directions are captured.
//
// Either is a filter in the kernel, so that what it drops is not among the packets lost.
package libpcap

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// ErrNotBuilt is the error of a program built without libpcap.
var ErrNotBuilt = errors.New("this weir was built without libpcap; build with -tags libpcap or use --mode afpacket")

// Defaults and bounds of Config.
const (
	DefaultSnapLength  = 1536
	MinSnapLength      = 64
	MaxSnapLength      = 65535
	DefaultBufferBytes = 8 << 20
	minBufferBytes     = 256 << 10
	maxBufferBytes     = 1 << 30
	maxConfigBytes     = 64 << 10
)

// Config applies to every interface of one capturing process.
type Config struct {
	// Filter is an expression in libpcap's language (pcap-filter(7)); empty means every packet.
	Filter string `json:"filter,omitempty"`
	// SnapLength is the number of bytes captured of a frame; 0 means DefaultSnapLength.
	SnapLength int `json:"snap_length,omitempty"`
	// BufferBytes is the size of the kernel's buffer for each interface; 0 means DefaultBufferBytes.
	BufferBytes int `json:"buffer_bytes,omitempty"`
	// Once means that the capturing process has afpacket's program of that name and its map, as descriptors onceProgram
	// and onceMap.
	Once bool `json:"once,omitempty"`
}

// complete sets defaults and checks the bounds.
func (c Config) complete() (Config, error) {
	if c.SnapLength == 0 {
		c.SnapLength = DefaultSnapLength
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = DefaultBufferBytes
	}
	switch {
	case c.SnapLength < MinSnapLength || c.SnapLength > MaxSnapLength:
		return c, fmt.Errorf("libpcap: snap length %d, want %d to %d", c.SnapLength, MinSnapLength, MaxSnapLength)
	case c.BufferBytes < minBufferBytes || c.BufferBytes > maxBufferBytes:
		return c, fmt.Errorf("libpcap: buffer of %d bytes, want %d to %d", c.BufferBytes, minBufferBytes,
			maxBufferBytes)
	}
	return c, nil
}

// writeConfig begins the control pipe: a length in four bytes, then JSON.
func writeConfig(w io.Writer, c Config) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(text) > maxConfigBytes {
		return fmt.Errorf("libpcap: filter expression of %d bytes is too long", len(c.Filter))
	}
	_, err = w.Write(append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

func readConfig(r io.Reader) (c Config, err error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return c, err
	}
	n := binary.NativeEndian.Uint32(length[:])
	if n > maxConfigBytes {
		return c, fmt.Errorf("%d bytes, at most %d are possible", n, maxConfigBytes)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	return c.complete()
}

// A command has commandBytes: kind, flags, two zero bytes, the interface's index, the command's number. As it is
// shorter than PIPE_BUF, each write is atomic.
const (
	commandBytes       = 12
	commandWatch       = 1
	commandUnwatch     = 2
	commandPromiscuous = 1 // flag of commandWatch
)

// Control commands a capturing process. Several goroutines may call its methods. The answers come in the stream: see
// Event.
type Control struct{ File *os.File }

func (c Control) command(what, flags byte, index, number uint32) error {
	b := binary.NativeEndian.AppendUint32([]byte{what, flags, 0, 0}, index)
	if _, err := c.File.Write(binary.NativeEndian.AppendUint32(b, number)); err != nil {
		return fmt.Errorf("libpcap: command to the capturing process: %w", err)
	}
	return nil
}

// Watch requests the frames of an interface. The events that answer carry the number.
func (c Control) Watch(index, number uint32, promiscuous bool) error {
	var flags byte
	if promiscuous {
		flags = commandPromiscuous
	}
	return c.command(commandWatch, flags, index, number)
}

// Unwatch ends Watch once the frames so far are in the stream; for an interface that is not watched it does nothing.
func (c Control) Unwatch(index uint32) error { return c.command(commandUnwatch, 0, index, 0) }

// Stop ends the capturing process, which first sends its remaining frames, the last losses and a farewell. The process
// ends when the last copy of the control pipe's end is closed, so whoever passes it on to another process has to close
// its own.
func (c Control) Stop() error { return c.File.Close() }

// Process is a started capturing process.
type Process struct {
	Command *exec.Cmd
	// Stream is for NewReader. It is in Go's poller.
	Stream *os.File
	Control
}

// pipeBytes is the requested size of the stream's pipe: it holds more than 10 ms of a gigabit link's small frames while
// the agent is busy elsewhere. The kernel gives root more than /proc/sys/fs/pipe-max-size, and others this much by
// default.
const pipeBytes = 1 << 20

// Open starts command, which must call Capture(os.Stdin, os.Stdout), with its standard input and output set to the two
// pipes. Wait for the process with Command.Wait. The stream's first Read reports a bad filter.
func Open(command *exec.Cmd, config Config) (*Process, error) {
	if !Built {
		return nil, ErrNotBuilt
	}
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	stream, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("libpcap: stream: %w", err)
	}
	defer out.Close()
	enlarge(out)
	in, control, err := os.Pipe()
	if err != nil {
		stream.Close()
		return nil, fmt.Errorf("libpcap: control: %w", err)
	}
	defer in.Close()
	p := &Process{command, stream, Control{control}}
	command.Stdin, command.Stdout = in, out
	err = command.Start()
	if err == nil {
		if err = writeConfig(control, config); err != nil {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	}
	if err != nil {
		stream.Close()
		control.Close()
		return nil, fmt.Errorf("libpcap: start the capturing process: %w", err)
	}
	return p, nil
}

// enlarge makes a pipe larger if the kernel allows that; a smaller one only fills up earlier.
func enlarge(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package libpcap captures with libpcap, in a process of its own: libpcap means cgo, and a process with cgo can't take its rights
// from all of its threads. That process (Capture) opens handles, looks into no packet and writes a stream of frames to a pipe;
// the agent, which has no right at all, reads the stream (Reader). Only Capture needs the build tag libpcap and cgo.
//
// # What is counted how often
//
// libpcap tells of a packet on an interface, not where it came in. On a gateway that is watched on both sides, a forwarded packet
// comes in on one interface and goes out on the other:
//
//   - DirectionInOut (default) hands over both. Nothing is missed, but what is forwarded is seen twice (behind NAT as two flows
//     with different addresses). Watch one side only, the LAN's say, and each packet is seen once, except what the gateway itself
//     exchanges with the other side, which isn't seen.
//   - DirectionIn hands over only what came in from the link. With every interface watched, each forwarded packet is seen once,
//     with its addresses before source NAT (after it in the answers). What the host itself sends is lost: of the host's own
//     connections only the peer's half is seen. With one interface watched, only one half of every connection is seen.
//
// libpcap drops the outgoing copies on the loopback interface by itself.
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

// ErrNotBuilt is returned where the program was built without libpcap.
var ErrNotBuilt = errors.New("this weir was built without libpcap; build with -tags libpcap or use --mode afpacket")

// Direction says which packets of an interface are wanted.
type Direction string

// The two directions; the package's comment says what each loses.
const (
	DirectionInOut Direction = "inout"
	DirectionIn    Direction = "in"
)

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

// Config holds for every interface of one capturing process.
type Config struct {
	// Filter is an expression in libpcap's language (pcap-filter(7)); empty means every packet.
	Filter string `json:"filter,omitempty"`
	// SnapLength is how many bytes of a frame are captured; 0 means DefaultSnapLength.
	SnapLength int `json:"snap_length,omitempty"`
	// BufferBytes is the size of the kernel's buffer for each interface; 0 means DefaultBufferBytes.
	BufferBytes int `json:"buffer_bytes,omitempty"`
	// Direction: empty means DirectionInOut.
	Direction Direction `json:"direction,omitempty"`
}

// complete puts defaults in and checks the bounds.
func (c Config) complete() (Config, error) {
	if c.SnapLength == 0 {
		c.SnapLength = DefaultSnapLength
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = DefaultBufferBytes
	}
	if c.Direction == "" {
		c.Direction = DirectionInOut
	}
	switch {
	case c.SnapLength < MinSnapLength || c.SnapLength > MaxSnapLength:
		return c, fmt.Errorf("libpcap: snap length %d, want %d to %d", c.SnapLength, MinSnapLength, MaxSnapLength)
	case c.BufferBytes < minBufferBytes || c.BufferBytes > maxBufferBytes:
		return c, fmt.Errorf("libpcap: buffer of %d bytes, want %d to %d", c.BufferBytes, minBufferBytes, maxBufferBytes)
	case c.Direction != DirectionInOut && c.Direction != DirectionIn:
		return c, fmt.Errorf("libpcap: direction %q, want %q or %q", c.Direction, DirectionInOut, DirectionIn)
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
		return c, fmt.Errorf("%d bytes, %d are the most", n, maxConfigBytes)
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

// A command is commandBytes long: what, flags, two zero bytes, the interface's index. Shorter than PIPE_BUF, it is written whole.
const (
	commandBytes       = 8
	commandWatch       = 1
	commandUnwatch     = 2
	commandPromiscuous = 1 // flag of commandWatch
)

// Control commands a capturing process. Its methods can be called by several goroutines. The answers come in the stream: see Event.
type Control struct{ File *os.File }

func (c Control) command(what, flags byte, index uint32) error {
	_, err := c.File.Write(binary.NativeEndian.AppendUint32([]byte{what, flags, 0, 0}, index))
	if err != nil {
		return fmt.Errorf("libpcap: command to the capturing process: %w", err)
	}
	return nil
}

// Watch asks for the frames of an interface. An interface that is watched already stays as it is.
func (c Control) Watch(index uint32, promiscuous bool) error {
	var flags byte
	if promiscuous {
		flags = commandPromiscuous
	}
	return c.command(commandWatch, flags, index)
}

// Unwatch ends Watch; of an interface that isn't watched it does nothing.
func (c Control) Unwatch(index uint32) error { return c.command(commandUnwatch, 0, index) }

// Stop ends the capturing process: it sends what it has, the last losses and a farewell. The process ends when the last copy of
// the control pipe's end is closed, so whoever passes it on to another process has to close its own.
func (c Control) Stop() error { return c.File.Close() }

// Process is a started capturing process.
type Process struct {
	Command *exec.Cmd
	// Stream is for NewReader. It is in Go's poller.
	Stream *os.File
	Control
}

// pipeBytes is asked for the stream: it holds more than 10 ms of a gigabit link's small frames while the agent is elsewhere.
// The kernel gives root more than /proc/sys/fs/pipe-max-size, and others this much by default.
const pipeBytes = 1 << 20

// Open starts command, which must call Capture(os.Stdin, os.Stdout), with its standard input and output set to the two pipes.
// Wait for the process with Command.Wait. Whether the filter is good is told by the stream's first Read.
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

// enlarge makes a pipe bigger where the kernel allows that; a smaller one only fills up earlier.
func enlarge(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
	}
}

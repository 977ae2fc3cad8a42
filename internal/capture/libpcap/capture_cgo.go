// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package libpcap

/*
#cgo CFLAGS: -Wall -Wextra -O2
#cgo LDFLAGS: -lpcap
#include "capture.h"
#include <stdlib.h>
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Descriptors of a capturing process: those of exec.Cmd.ExtraFiles follow the standard ones.
const (
	onceProgram = 3
	onceMap     = 4
)

// Built reports whether this program can capture with libpcap.
const Built = true

const (
	lossInterval = time.Second
	byeTimeout   = time.Second // the last bytes' wait for the reader
	finishAgain  = 10 * time.Millisecond
)

// process is the state of Capture.
type process struct {
	c        *C.struct_weir_capture
	settings C.struct_weir_settings
	text     *C.char
	control  int
	noted    int               // the map of interfaces whose received packets are captured, or -1
	leaving  map[uint32]ending // by the number of the command that opened the handle
}

// ending is the result to report for a handle that leaves.
type ending struct {
	code Code
	text string
}

// Capture is the capturing process: it reads its configuration and then commands from config, and writes the stream to
// out, both pipes. It returns nil when config is closed, and when nobody reads out any longer. It writes every failure
// to the stream, and returns those that concern all interfaces. It parses no packet. It ignores SIGINT, SIGHUP and
// SIGTERM.
func Capture(config, out *os.File) error {
	defer runtime.KeepAlive(out)
	// Ctrl-C and a service manager's signal reach every process. This one ends after its reader, which still has to
	// receive the losses; it cannot outlive reader and parent, whose ends of the pipes it watches.
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGTERM)
	settings, err := readConfig(config)
	if err != nil {
		return fmt.Errorf("libpcap: configuration: %w", err)
	}
	control, stream := int(config.Fd()), int(out.Fd())
	defer runtime.KeepAlive(config)
	// A blocking write would make the process deaf to its end.
	if err := unix.SetNonblock(stream, true); err != nil {
		return fmt.Errorf("libpcap: stream: %w", err)
	}
	c := C.weir_new(C.int(control), C.int(stream), C.uint32_t(settings.SnapLength))
	if c == nil {
		return errors.New("libpcap: no memory")
	}
	defer C.weir_free(c)
	p := &process{c: c, control: control, noted: -1, leaving: map[uint32]ending{},
		text: (*C.char)(C.calloc(1, C.WEIR_TEXT))}
	defer C.free(unsafe.Pointer(p.text))
	p.settings.buffer_bytes = C.int(settings.BufferBytes)
	p.settings.once = -1
	if settings.Once {
		p.settings.once, p.noted = onceProgram, onceMap
	}
	p.append(kindHello, 0, 0, 0, 0, []byte(C.GoString(C.pcap_lib_version())))
	if settings.Filter != "" {
		p.settings.filter = C.CString(settings.Filter)
		defer C.free(unsafe.Pointer(p.settings.filter))
		if C.weir_check_filter(p.settings.filter, C.int(settings.SnapLength), p.text) == 0 {
			return p.fail(CodeFilter, fmt.Sprintf("filter %.500q: %s", settings.Filter, C.GoString(p.text)))
		}
	}
	return p.run()
}

// run serves until the control pipe is closed.
func (p *process) run() error {
	next := p.deadline(0) // the greeting leaves at once
	for {
		var which C.int
		var err error
		switch C.weir_run(p.c, min(next, p.nextLeaves()), &which) {
		case C.WEIR_DEADLINE:
			p.finish()
			if C.weir_now() < next {
				break
			}
			if C.weir_has_room(p.c) != 0 {
				p.lossesOfAll()
				p.vanished()
			}
			next = p.deadline(lossInterval)
		case C.WEIR_HANDLE_FAILED:
			p.failed(int(which))
		case C.WEIR_COMMAND:
			err = p.command()
		case C.WEIR_HANGUP:
			err = io.EOF
		case C.WEIR_READER_GONE:
			return nil
		default:
			return p.fail(CodeOther, "poll does not work")
		}
		if err == io.EOF {
			return p.bye()
		} else if err != nil {
			return p.fail(CodeOther, err.Error())
		}
	}
}

func (p *process) deadline(in time.Duration) C.int64_t { return C.weir_now() + C.int64_t(in) }

// command reads and executes one command. It returns io.EOF when no more will come.
func (p *process) command() error {
	var b [commandBytes]byte
	for have := 0; have < len(b); {
		n, err := unix.Read(p.control, b[have:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("read a command: %w", err)
		case n == 0:
			return io.EOF
		}
		have += n
	}
	index, number := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[8:])
	switch b[0] {
	case commandWatch:
		p.watch(index, number, b[1]&commandPromiscuous != 0)
	case commandUnwatch:
		if which := p.find(index); which >= 0 {
			p.leave(which, CodeUnwatched, "no longer watched")
		}
	default:
		return fmt.Errorf("command %d is unknown", b[0])
	}
	return nil
}

func (p *process) find(index uint32) int {
	for i := range int(p.c.count) {
		if uint32(p.c.handles[i]._interface) == index && p.c.handles[i].leaves == 0 {
			return i
		}
	}
	return -1
}

func (p *process) watch(index, number uint32, promiscuous bool) {
	refuse := func(code Code, text string) { p.append(kindEnded, 0, index, code, number, []byte(text)) }
	if p.find(index) >= 0 {
		refuse(CodeOther, "already watched")
		return
	}
	var name [C.IF_NAMESIZE]C.char
	if C.weir_name(C.uint32_t(index), &name[0]) == 0 || C.GoString(&name[0]) == "any" {
		// to libpcap that means every interface
		refuse(CodeNoDevice, "no such interface")
		return
	}
	p.settings.promiscuous = 0
	if promiscuous {
		p.settings.promiscuous = 1
	}
	if status := C.weir_open(p.c, &name[0], &p.settings, p.text); status != 0 {
		code, text := openCode(status), C.GoString(p.text)
		if code == CodeNoRight { // libpcap sometimes returns it as a plain errno
			text = "no right to capture, CAP_NET_RAW is missing: " + text
		}
		refuse(code, text)
		return
	}
	h := &p.c.handles[p.c.count-1]
	h._interface = C.uint32_t(index)
	h.number = C.uint32_t(number)
	h.link = C.uint16_t(linkType(h.datalink))
	// libpcap opens by name: after a rename in between, the name may belong to another interface.
	if C.weir_is_bound(h) == 0 {
		C.weir_close(p.c, p.c.count-1)
		refuse(CodeNoDevice, "the interface was renamed while it was opened")
		return
	}
	p.note(index, true)
	p.direct()
	p.append(kindWatching, int(h.link), index, 0, number, nil)
}

// note marks in the map whether an interface's received packets are captured there, so that they need not be where they
// leave.
func (p *process) note(index uint32, isSeen bool) {
	if p.noted < 0 {
		return
	}
	// If that fails: counting packets twice is better than not at all.
	if isSeen {
		_ = putInMap(p.noted, index)
	} else {
		_ = deleteFromMap(p.noted, index)
	}
}

// direct limits all handles to incoming packets while there are several, if no filter recognises forwarded packets.
func (p *process) direct() {
	n := 0
	for i := range int(p.c.count) {
		if p.c.handles[i].leaves == 0 {
			n++
		}
	}
	onlyIn := C.int(0)
	if n > 1 {
		onlyIn = 1
	}
	if p.noted >= 0 || p.settings.only_in == onlyIn {
		return
	}
	p.settings.only_in = onlyIn
	for i := int(p.c.count) - 1; i >= 0; i-- {
		if p.c.handles[i].leaves != 0 {
			continue
		}
		if C.weir_filter(p.c, C.int(i), &p.settings, p.text) != 0 {
			p.leave(i, CodeOther, C.GoString(p.text))
		}
	}
}

func openCode(status C.int) Code {
	switch status {
	case C.PCAP_ERROR_PERM_DENIED, C.PCAP_ERROR_PROMISC_PERM_DENIED:
		return CodeNoRight
	case C.PCAP_ERROR_NO_SUCH_DEVICE:
		return CodeNoDevice
	case C.PCAP_ERROR_IFACE_NOT_UP:
		return CodeDown
	case C.WEIR_OPEN_FILTER:
		return CodeFilter
	}
	return CodeOther
}

// linkType converts libpcap's DLT_ value to the LINKTYPE_ value: the few that differ do so by operating system
// (https://www.tcpdump.org/linktypes.html). dlt of cmd/weir is the inverse.
func linkType(dlt C.int) int {
	switch dlt {
	case C.DLT_RAW:
		return 101
	case C.DLT_ATM_RFC1483:
		return 100
	case C.DLT_SLIP_BSDOS:
		return 102
	case C.DLT_PPP_BSDOS:
		return 103
	case C.DLT_ATM_CLIP:
		return 106
	}
	return int(dlt)
}

// maxFailures bounds the failures in a row of a handle whose interface exists. libpcap fails when it finds a renamed
// interface down; the socket goes on when the interface comes up.
const maxFailures = 50

// failed ends a handle that delivers no more frames.
func (p *process) failed(which int) {
	h := &p.c.handles[which]
	text := C.GoString(C.pcap_geterr(h.pcap))
	switch {
	case h.leaves != 0: // the failure is already reported
	case C.weir_is_bound(h) == 0:
		p.leave(which, CodeGone, "the interface no longer exists: "+text)
	default:
		if h.failures++; h.failures > maxFailures {
			p.leave(which, CodeOther, text)
		}
	}
}

// vanished ends the handles of interfaces that no longer exist. libpcap reports most of them itself, and sooner.
func (p *process) vanished() {
	for i := int(p.c.count) - 1; i >= 0; i-- {
		if h := &p.c.handles[i]; h.leaves == 0 && C.weir_is_bound(h) == 0 {
			p.leave(i, CodeGone, "the interface no longer exists")
		}
	}
}

// leave ends a handle, which delivers its last frames first.
func (p *process) leave(which int, code Code, text string) {
	h := &p.c.handles[which]
	C.weir_leave(p.c, C.int(which))
	p.leaving[uint32(h.number)] = ending{code, text}
	p.note(uint32(h._interface), false)
	p.direct()
}

// nextLeaves returns when the next leaving handle can be closed.
func (p *process) nextLeaves() C.int64_t {
	next := C.int64_t(math.MaxInt64)
	for i := range int(p.c.count) {
		if at := p.c.handles[i].leaves; at != 0 {
			next = min(next, at)
		}
	}
	return next
}

// finish closes the handles that have left. A handle whose last frames do not fit into the stream has to wait.
func (p *process) finish() {
	for i := int(p.c.count) - 1; i >= 0; i-- {
		h := &p.c.handles[i]
		if h.leaves == 0 || h.leaves > C.weir_now() {
			continue
		}
		if C.weir_finish(p.c, C.int(i)) == 0 || C.weir_has_room(p.c) == 0 {
			h.leaves = p.deadline(finishAgain)
			continue
		}
		number, index := uint32(h.number), uint32(h._interface)
		e := p.leaving[number]
		delete(p.leaving, number)
		p.losses(i)
		C.weir_close(p.c, C.int(i))
		p.append(kindEnded, 0, index, e.code, number, []byte(e.text))
	}
}

func (p *process) lossesOfAll() {
	for i := range int(p.c.count) {
		p.losses(i)
	}
}

func (p *process) losses(which int) {
	var lost [2]C.uint64_t
	if C.weir_losses(p.c, C.int(which), &lost[0]) == 0 {
		return
	}
	payload := binary.NativeEndian.AppendUint64(nil, uint64(lost[0]))
	payload = binary.NativeEndian.AppendUint64(payload, uint64(lost[1]))
	p.append(kindLoss, 0, uint32(p.c.handles[which]._interface), 0, 0, payload)
}

func (p *process) append(kind, link int, index uint32, code Code, number uint32, payload []byte) {
	payload = payload[:min(len(payload), maxTextBytes)]
	C.weir_append(p.c, C.int(kind), C.int(link), C.uint32_t(index), C.uint32_t(code), C.int64_t(number),
		unsafe.Pointer(unsafe.SliceData(payload)), C.size_t(len(payload)))
}

// fail ends the process with a failure.
func (p *process) fail(code Code, text string) error {
	p.append(kindFailed, 0, 0, code, 0, []byte(text))
	C.weir_flush(p.c, p.deadline(byeTimeout))
	return &Error{code, 0, text}
}

// bye ends the process as requested.
func (p *process) bye() error {
	until := p.deadline(byeTimeout)
	if C.weir_drain(p.c, until) == 0 {
		return nil // nobody reads: the farewell would block as well
	}
	p.lossesOfAll()
	p.append(kindBye, 0, 0, 0, 0, nil)
	C.weir_flush(p.c, until)
	return nil
}

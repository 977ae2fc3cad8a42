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
	"os"
	"os/signal"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Built says whether this program can capture with libpcap.
const Built = true

const (
	lossInterval = time.Second
	byeTimeout   = time.Second // how long the last bytes may wait for the reader
)

// process is the state of Capture.
type process struct {
	c        *C.struct_weir_capture
	settings C.struct_weir_settings
	text     *C.char
	control  int
}

// Capture is the capturing process: it reads its configuration and then commands from config, and writes the stream to out, both
// pipes. It returns nil when config is closed, and when nobody reads out any more. A failure that concerns everything is both
// written to the stream and returned; one of an interface is only written. It parses no packet. It ignores
// SIGINT, SIGHUP and SIGTERM.
func Capture(config, out *os.File) error {
	defer runtime.KeepAlive(out)
	// Ctrl-C and a service manager's signal reach every process. This one ends after its reader, which has still to hear of losses;
	// it can't outlive reader and parent, whose ends of the pipes it watches.
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGTERM)
	settings, err := readConfig(config)
	if err != nil {
		return fmt.Errorf("libpcap: configuration: %w", err)
	}
	control, stream := int(config.Fd()), int(out.Fd())
	defer runtime.KeepAlive(config)
	// A blocking write would leave no way to hear that the process shall end.
	if err := unix.SetNonblock(stream, true); err != nil {
		return fmt.Errorf("libpcap: stream: %w", err)
	}
	c := C.weir_new(C.int(control), C.int(stream), C.uint32_t(settings.SnapLength))
	if c == nil {
		return errors.New("libpcap: no memory")
	}
	defer C.weir_free(c)
	p := &process{c: c, control: control, text: (*C.char)(C.calloc(1, C.WEIR_TEXT))}
	defer C.free(unsafe.Pointer(p.text))
	p.settings.buffer_bytes = C.int(settings.BufferBytes)
	if settings.Direction == DirectionIn {
		p.settings.only_in = 1
	}
	p.append(kindHello, 0, 0, 0, []byte(C.GoString(C.pcap_lib_version())))
	if settings.Filter != "" {
		p.settings.filter = C.CString(settings.Filter)
		defer C.free(unsafe.Pointer(p.settings.filter))
		if C.weir_check_filter(p.settings.filter, C.int(settings.SnapLength), p.text) == 0 {
			return p.fail(CodeFilter, fmt.Sprintf("filter %.500q: %s", settings.Filter, C.GoString(p.text)))
		}
	}
	return p.run()
}

// run serves until it is told to end.
func (p *process) run() error {
	next := p.deadline(0) // the greeting leaves at once
	for {
		var which C.int
		var err error
		switch C.weir_run(p.c, next, &which) {
		case C.WEIR_DEADLINE:
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

// command reads one command and obeys. It returns io.EOF where there will be no more.
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
	index := binary.NativeEndian.Uint32(b[4:])
	switch b[0] {
	case commandWatch:
		p.watch(index, b[1]&commandPromiscuous != 0)
	case commandUnwatch:
		if which := p.find(index); which >= 0 {
			p.end(which, CodeUnwatched, "not watched any more")
		}
	default:
		return fmt.Errorf("command %d is unknown", b[0])
	}
	return nil
}

func (p *process) find(index uint32) int {
	for i := range int(p.c.count) {
		if uint32(p.c.handles[i]._interface) == index {
			return i
		}
	}
	return -1
}

func (p *process) watch(index uint32, promiscuous bool) {
	if p.find(index) >= 0 {
		return
	}
	var name [C.IF_NAMESIZE]C.char
	if C.weir_name(C.uint32_t(index), &name[0]) == 0 || C.GoString(&name[0]) == "any" { // to libpcap that means every interface
		p.append(kindEnded, 0, index, CodeNoDevice, []byte("no such interface"))
		return
	}
	p.settings.promiscuous = 0
	if promiscuous {
		p.settings.promiscuous = 1
	}
	if status := C.weir_open(p.c, &name[0], &p.settings, p.text); status != 0 {
		code, text := openCode(status), C.GoString(p.text)
		if code == CodeNoRight { // libpcap says it with a plain errno here and there
			text = "no right to capture, CAP_NET_RAW is missing: " + text
		}
		p.append(kindEnded, 0, index, code, []byte(text))
		return
	}
	h := &p.c.handles[p.c.count-1]
	h._interface = C.uint32_t(index)
	h.link = C.uint16_t(linkType(h.datalink))
	// libpcap opens by name: a rename in between may have given us another interface.
	if C.if_nametoindex(&name[0]) != C.uint(index) {
		p.end(int(p.c.count)-1, CodeNoDevice, "the interface was renamed while it was opened")
		return
	}
	p.append(kindWatching, int(h.link), index, 0, nil)
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

// linkType is the LINKTYPE_ value of what libpcap's functions call a link type: the few DLT_ values that differ from it do so by
// operating system (https://www.tcpdump.org/linktypes.html). dlt of cmd/weir is the way back.
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

func exists(index uint32) bool {
	var name [C.IF_NAMESIZE]C.char
	return C.weir_name(C.uint32_t(index), &name[0]) != 0
}

// failed ends a handle that gives no more frames.
func (p *process) failed(which int) {
	h := &p.c.handles[which]
	text := C.GoString(C.pcap_geterr(h.pcap))
	if !exists(uint32(h._interface)) {
		p.end(which, CodeGone, "the interface has vanished: "+text)
		return
	}
	p.end(which, CodeOther, text)
}

// vanished ends the handles of interfaces that are no more. libpcap tells of most by itself, and sooner.
func (p *process) vanished() {
	for i := int(p.c.count) - 1; i >= 0 && C.weir_has_room(p.c) != 0; i-- {
		if !exists(uint32(p.c.handles[i]._interface)) {
			p.end(i, CodeGone, "the interface has vanished")
		}
	}
}

func (p *process) end(which int, code Code, text string) {
	index := uint32(p.c.handles[which]._interface)
	p.losses(which)
	C.weir_close(p.c, C.int(which))
	p.append(kindEnded, 0, index, code, []byte(text))
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
	p.append(kindLoss, 0, uint32(p.c.handles[which]._interface), 0, payload)
}

func (p *process) append(kind, link int, index uint32, code Code, payload []byte) {
	payload = payload[:min(len(payload), maxTextBytes)]
	C.weir_append(p.c, C.int(kind), C.int(link), C.uint32_t(index), C.uint32_t(code),
		unsafe.Pointer(unsafe.SliceData(payload)), C.size_t(len(payload)))
}

// fail ends the process with a failure.
func (p *process) fail(code Code, text string) error {
	p.append(kindFailed, 0, 0, code, []byte(text))
	C.weir_flush(p.c, p.deadline(byeTimeout))
	return &Error{code, 0, text}
}

// bye ends the process as it was told to.
func (p *process) bye() error {
	until := p.deadline(byeTimeout)
	if C.weir_drain(p.c, until) == 0 {
		return nil // nobody reads: the farewell would have to wait as well
	}
	p.lossesOfAll()
	p.append(kindBye, 0, 0, 0, nil)
	C.weir_flush(p.c, until)
	return nil
}

// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package main

/*
#cgo LDFLAGS: -lpcap
#include <pcap/pcap.h>
#include <stdlib.h>

// weir_match runs a filter over one packet. C makes the struct, since Go must not pass C a pointer to Go pointers.
static int weir_match(const struct bpf_program *program, const u_char *data, bpf_u_int32 captured, bpf_u_int32 length)
{
	struct pcap_pkthdr header = { .caplen = captured, .len = length };
	return pcap_offline_filter(program, &header, data) != 0;
}
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/weirnet/weir/internal/packet"
)

// filterSupport says whether this build can compile filter expressions.
const filterSupport = "yes (libpcap)"

// packetFilter is a tcpdump expression, compiled by libpcap for each link type in the captures.
type packetFilter struct {
	expression string
	programs   map[packet.LinkType]*C.struct_bpf_program
}

// newFilter compiles the expression for Ethernet at once, to report a mistake in it before any file is read.
func newFilter(expression string) (*packetFilter, error) {
	f := &packetFilter{expression, map[packet.LinkType]*C.struct_bpf_program{}}
	_, err := f.program(packet.LinkEthernet)
	return f, err
}

// dlt returns libpcap's link type. Files hold LINKTYPE_ values, which are the same on every machine; the few DLT_
// values that differ from them do so by operating system (https://www.tcpdump.org/linktypes.html).
func dlt(link packet.LinkType) C.int {
	switch link {
	case 100:
		return C.DLT_ATM_RFC1483
	case packet.LinkRaw, packet.LinkDLTRaw, packet.LinkDLTRawOpenBSD:
		return C.DLT_RAW
	case 102:
		return C.DLT_SLIP_BSDOS
	case 103:
		return C.DLT_PPP_BSDOS
	case 106:
		return C.DLT_ATM_CLIP
	case packet.LinkLoop:
		return C.DLT_LOOP
	}
	return C.int(link)
}

func (f *packetFilter) program(link packet.LinkType) (*C.struct_bpf_program, error) {
	if p := f.programs[link]; p != nil {
		return p, nil
	}
	const snapLength = 262144
	handle := C.pcap_open_dead(dlt(link), snapLength)
	if handle == nil {
		return nil, fmt.Errorf("filter: libpcap does not know link type %d", link)
	}
	defer C.pcap_close(handle)
	text := C.CString(f.expression)
	defer C.free(unsafe.Pointer(text))
	p := (*C.struct_bpf_program)(C.calloc(1, C.sizeof_struct_bpf_program))
	const netmaskUnknown = 0xffffffff // PCAP_NETMASK_UNKNOWN
	if C.pcap_compile(handle, p, text, 1, netmaskUnknown) != 0 {
		err := fmt.Errorf("filter %q: %s", f.expression, C.GoString(C.pcap_geterr(handle)))
		C.free(unsafe.Pointer(p))
		return nil, err
	}
	f.programs[link] = p
	return p, nil
}

// match reports whether a packet passes.
func (f *packetFilter) match(link packet.LinkType, data []byte, length int) (bool, error) {
	p, err := f.program(link)
	if err != nil || len(data) == 0 {
		return false, err
	}
	return C.weir_match(p, (*C.u_char)(unsafe.Pointer(&data[0])), C.bpf_u_int32(len(data)), C.bpf_u_int32(length)) != 0,
		nil
}

func (f *packetFilter) close() {
	for _, p := range f.programs {
		C.pcap_freecode(p)
		C.free(unsafe.Pointer(p))
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package probe

/*
#cgo LDFLAGS: -lpcap
#include <pcap/pcap.h>
*/
import "C"

// probeLibpcap names the linked version.
func probeLibpcap() Feature {
	return Feature{Name: "libpcap", NeededBy: []string{Libpcap}, OK: true, Detail: C.GoString(C.pcap_lib_version())}
}

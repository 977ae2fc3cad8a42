// SPDX-License-Identifier: Apache-2.0

//go:build !libpcap || !cgo

package probe

// probeLibpcap reports that this build has no libpcap.
func probeLibpcap() Feature {
	return Feature{Name: "libpcap", NeededBy: []string{Libpcap}, Why: "this build has no libpcap",
		Fix: "install libpcap-dev and build with `go build -tags libpcap ./cmd/weir`, or take the packaged weir"}
}

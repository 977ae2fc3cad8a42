// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// steamDiscovery begins the discovery messages of In-Home Streaming.
const steamDiscovery = outOfBand + "\x21\x4c\x5f\xa0"

// steamVerdict checks a discovery message: after the magic number a header and a body, each after its length.
func steamVerdict(d *dissect.Datagram, r *dissect.Result) dissect.Verdict {
	b := d.Payload
	const header = len(steamDiscovery) + 4
	if len(b) < header || len(b) != d.Length {
		return dissect.No
	}
	at := header + le32(b[header-4:])
	if at < header || at+4 > len(b) || at+4+le32(b[at:]) != len(b) {
		return dissect.No
	}
	r.SetProtocol("steam")
	r.SetApplication("steam")
	return dissect.Yes
}

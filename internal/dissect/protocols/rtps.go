// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rtps: the wire protocol of DDS, by its header.
var rtpsProtocol = &dissect.Protocol{
	Name:      "rtps",
	Spec:      "OMG DDSI-RTPS 2.5 §8.3.3.1, §9.4.4",
	Category:  "iot",
	Over:      dissect.UDP | dissect.TCP,
	Ports:     []uint16{7400, 7401, 7410, 7411},
	Start:     dissect.FirstBytes("RTPS"),
	MinLength: rtpsHeader,
	Members:   []string{"rtps.vendor_id", "rtps.version"},
	Inspect:   inspectRTPS,
}

// rtpsHeader is "RTPS", version, vendor, host and application; since version 2 the participant's 12-byte prefix follows
// the vendor. RTI's ping has an 8-byte text there.
const rtpsHeader = 4 + 2 + 2 + 8

func inspectRTPS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < rtpsHeader {
		return moreIf(c.Transport == dissect.TCP && couldBe(b, "RTPS"))
	}
	if !hasPrefix(b, "RTPS") || b[4] < 1 || b[4] > 2 {
		return dissect.No
	}
	o := r.Object("rtps")
	o.Int("version", int64(b[4]))
	o.Int("vendor_id", int64(be16(b[6:])))
	return dissect.Yes
}

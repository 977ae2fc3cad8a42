// SPDX-License-Identifier: Apache-2.0

package dissect

// rtps: the wire protocol of DDS, from its header.
var _ = register(Protocol{
	Name:      "rtps",
	Spec:      "OMG DDSI-RTPS 2.5 §8.3.3.1, §9.4.4",
	Category:  "iot",
	Over:      UDP | TCP,
	Ports:     []uint16{7400, 7401, 7410, 7411},
	Start:     Firsts("RTPS"),
	MinLength: rtpsHeader,
	Inspect:   inspectRTPS,
})

// rtpsHeader: "RTPS", version, vendor, host and application; since version 2 the participant's prefix of 12 bytes follows the vendor.
// RTI's ping has a text of 8 bytes there.
const rtpsHeader = 4 + 2 + 2 + 8

func inspectRTPS(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < rtpsHeader {
		return moreIf(c.Transport == TCP && couldBe(b, "RTPS"))
	}
	if !hasPrefix(b, "RTPS") || b[4] < 1 || b[4] > 2 {
		return No
	}
	o := r.Object("rtps")
	o.Int("version", int64(b[4]))
	o.Int("vendor_id", int64(be16(b[6:])))
	return Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// ganglia: gmond's cluster state in XML over TCP, and its metrics in XDR over UDP.
var gangliaProtocol = &dissect.Protocol{
	Name:      "ganglia",
	Spec:      "Ganglia gmond: XML document type; metric messages (gm_protocol.x)",
	Category:  "system",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{8649},
	Start:     dissect.FirstBytes("<"),
	MinLength: 24,
	Members:   []string{"ganglia.host", "ganglia.metric"},
	Inspect:   inspectGanglia,
}

func inspectGanglia(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const document, peek = "<!DOCTYPE GANGLIA_XML", 256
	if c.Transport == dissect.UDP {
		return gangliaMetric(c.Newest().Payload, r)
	}
	b := c.First()
	b = b[:min(len(b), peek)]
	if !couldBe(b, "<?xml") && !couldBe(b, document) {
		return dissect.No
	}
	if bytes.Contains(b, []byte(document)) {
		return dissect.Yes
	}
	return moreIf(len(b) < peek)
}

// gangliaMetric checks the start of a message: its kind, the host, the metric's name, and the spoofing flag.
func gangliaMetric(b []byte, r *dissect.Result) dissect.Verdict {
	const first, last = 128, 135
	if len(b) < 4 || be32(b) < first || be32(b) > last {
		return dissect.No
	}
	host, rest, ok := cutXDR(b[4:])
	metric, rest, ok2 := cutXDR(rest)
	if !ok || !ok2 || len(rest) < 4 || be32(rest) > 1 {
		return dissect.No
	}
	o := r.Object("ganglia")
	o.Text("host", host)
	o.Text("metric", metric)
	return dissect.Yes
}

// cutXDR splits a printable string of XDR (RFC 4506 §4.11) off b: its length, its bytes, and zeros up to the next word.
func cutXDR(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 4 || be32(b) == 0 || be32(b) > dissect.MaxText {
		return nil, nil, false
	}
	end := 4 + be32(b)
	padded := (end + 3) &^ 3
	if len(b) < padded || !isPrintable(b[4:end]) || !isZero(b[end:padded]) {
		return nil, nil, false
	}
	return b[4:end], b[padded:], true
}

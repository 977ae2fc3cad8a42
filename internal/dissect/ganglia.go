// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// ganglia: gmond's state of a cluster in XML over TCP, and its metrics in XDR over UDP.
var _ = register(Protocol{
	Name:      "ganglia",
	Spec:      "Ganglia gmond: XML document type; metric messages (gm_protocol.x)",
	Category:  "system",
	Over:      TCP | UDP,
	Ports:     []uint16{8649},
	Start:     Firsts("<"),
	MinLength: 24,
	Inspect:   inspectGanglia,
})

func inspectGanglia(c *Conversation, r *Result) Verdict {
	const document, peek = "<!DOCTYPE GANGLIA_XML", 256
	if c.Transport == UDP {
		return gangliaMetric(c.Newest().Payload, r)
	}
	b := c.First()
	b = b[:min(len(b), peek)]
	if !couldBe(b, "<?xml") && !couldBe(b, document) {
		return No
	}
	if bytes.Contains(b, []byte(document)) {
		return Yes
	}
	return moreIf(len(b) < peek)
}

// gangliaMetric checks what a message begins with: its kind, the host, the metric's name, and whether a host speaks for another.
func gangliaMetric(b []byte, r *Result) Verdict {
	const first, last = 128, 135
	if len(b) < 4 || be32(b) < first || be32(b) > last {
		return No
	}
	host, rest, ok := cutXDR(b[4:])
	metric, rest, ok2 := cutXDR(rest)
	if !ok || !ok2 || len(rest) < 4 || be32(rest) > 1 {
		return No
	}
	o := r.Object("ganglia")
	o.Text("host", host)
	o.Text("metric", metric)
	return Yes
}

// cutXDR cuts a printable string of XDR (RFC 4506 §4.11): its length, and zeros up to the next word.
func cutXDR(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 4 || be32(b) == 0 || be32(b) > MaxText {
		return nil, nil, false
	}
	end := 4 + be32(b)
	padded := (end + 3) &^ 3
	if len(b) < padded || !isPrintable(b[4:end]) || !isZero(b[end:padded]) {
		return nil, nil, false
	}
	return b[4:end], b[padded:], true
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// direct-connect: NMDC's lock, between client and hub or between peers, and ADC's list of features.
var directConnectProtocol = &dissect.Protocol{
	Name: "direct-connect", Spec: "NMDC $Lock; ADC 1.0 §4.3", Category: "file-sharing",
	Over: dissect.TCP, Ports: []uint16{411, 412}, Start: dissect.FirstBytes("$", "HSUP"), MinLength: 8,
	Inspect: inspectDirectConnect,
}

// inspectDirectConnect wants "$Lock KEY Pk=NAME|", after "$MyNick NAME|" between peers, or ADC's list of features.
func inspectDirectConnect(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	const longest = 1024
	for _, b := range [2][]byte{c.First(), c.Second()} {
		if hasPrefix(b, "HSUP AD") {
			line, _, whole := cutLine(b)
			if whole && (bytes.Contains(line, []byte(" ADBASE")) || bytes.Contains(line, []byte(" ADBAS0"))) &&
				isPrintable(line) {
				return dissect.Yes
			}
			continue
		}
		if hasPrefix(b, "$MyNick ") {
			_, b, _ = bytes.Cut(b[:min(len(b), longest)], []byte{'|'})
		}
		lock, _, whole := bytes.Cut(b[:min(len(b), longest)], []byte{'|'})
		if whole && hasPrefix(lock, "$Lock ") && bytes.Contains(lock, []byte(" Pk=")) {
			return dissect.Yes
		}
	}
	if b := c.First(); len(b) < longest && (couldBe(b, "$Lock ") || couldBe(b, "$MyNick ") || couldBe(b, "HSUP AD")) {
		return dissect.NeedMore
	}
	return dissect.No
}

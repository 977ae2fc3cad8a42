// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// teeworlds: connectionless packets: servers, their lists and their answers.
var teeworldsProtocol = &dissect.Protocol{
	Name: "teeworlds", Spec: "Teeworlds 0.6 and 0.7: connectionless packets", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{8303}, Start: dissect.BytesOf(0xff, 'x'), MinLength: teeworldsHeader + 4,
	Inspect: inspectTeeworlds,
}

// teeworldsHeader is ten bytes of 0xff; since version 0.6.4 the first six may be "xe" and a token.
const teeworldsHeader = 10

// teeworldsMessages request or carry a server's information or the list of servers.
var teeworldsMessages = []string{"gie3", "inf3", "iext", "iex+", "gief", "info", "req2", "lis2", "cou2", "siz2", "hea2",
	"bea2", "fwok", "fwer", "fw??"}

func inspectTeeworlds(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	b := c.Newest().Payload
	if len(b) < teeworldsHeader+4 || !hasPrefix(b, "\xff\xff\xff\xff\xff\xff") && !hasPrefix(b, "xe") {
		return dissect.No
	}
	if !hasPrefix(b[6:], "\xff\xff\xff\xff") || !hasAnyPrefix(b[teeworldsHeader:], teeworldsMessages) {
		return dissect.No
	}
	return dissect.Yes
}

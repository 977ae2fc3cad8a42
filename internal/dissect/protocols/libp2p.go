// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// libp2p: the greeting of multistream-select.
var libp2pProtocol = &dissect.Protocol{
	Name: "libp2p", Spec: "multistream-select 1.0", Category: "file-sharing",
	Over: dissect.TCP, Ports: []uint16{4001}, Start: dissect.FirstBytes(multistream), MinLength: len(multistream),
	Inspect: inspectLibp2p,
}

const multistream = "\x13/multistream/1.0.0\n"

func inspectLibp2p(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	if hasPrefix(c.First(), multistream) || hasPrefix(c.Second(), multistream) {
		return dissect.Yes
	}
	return dissect.No
}

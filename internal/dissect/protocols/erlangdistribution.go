// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// erlang-distribution: the handshake between two Erlang nodes: a name, and the status that answers it.
var erlangDistributionProtocol = &dissect.Protocol{
	Name:      "erlang-distribution",
	Spec:      "Erlang distribution protocol §Distribution Handshake",
	Category:  "rpc",
	Over:      dissect.TCP,
	Start:     dissect.BytesOf(0),
	MinLength: erlangHeader,
	Members:   []string{"erlang_distribution.node"},
	Inspect:   inspectErlang,
}

// erlangHeader is length, tag and, in the older form, version and flags.
const erlangHeader = 2 + 1 + 2 + 4

func inspectErlang(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const maxName, newForm, status = 255, 2 + 1 + 8 + 4 + 2, 's'
	b, answer := c.First(), c.Second()
	if len(b) < erlangHeader {
		return moreIf(len(b) < 3 || b[2] == 'n' || b[2] == 'N')
	}
	length := be16(b)
	at := erlangHeader
	switch {
	case b[2] == 'n' && be16(b[3:]) == 5:
	case b[2] == 'N':
		if at = newForm; len(b) < at {
			return moreIf(length+2 >= newForm && length <= newForm+maxName)
		}
		if at+be16(b[at-2:]) != length+2 {
			return dissect.No
		}
	default:
		return dissect.No
	}
	if length+2 <= at || length > at+maxName {
		return dissect.No
	}
	if len(b) < length+2 {
		return dissect.NeedMore
	}
	name := b[at : length+2]
	if i := bytes.IndexByte(name, '@'); i <= 0 || i == len(name)-1 || !isPrintable(name) {
		return dissect.No
	}
	if len(answer) > 0 && (len(answer) >= 3 && answer[2] != status || answer[0] != 0) {
		return dissect.No
	}
	if b[2] == 'n' && len(answer) < 3 {
		return dissect.NeedMore // the flags may have any value
	}
	r.Object("erlang_distribution").Text("node", name)
	return dissect.Yes
}

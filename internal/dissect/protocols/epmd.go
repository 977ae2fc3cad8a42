// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// epmd: the Erlang port mapper, which maps nodes to ports. A request is a length and a tag; an answer has its own tag.
var epmdProtocol = &dissect.Protocol{
	Name:      "epmd",
	Spec:      "Erlang distribution protocol §EPMD Protocol",
	Category:  "rpc",
	Over:      dissect.TCP,
	Ports:     []uint16{4369},
	MinLength: 3,
	Members:   []string{"epmd.node", "epmd.port", "epmd.request"},
	Inspect:   inspectEPMD,
}

const (
	epmdNames  = 110
	epmdAlive  = 120
	epmdPort   = 122
	epmdAlive2 = 121 // answers
	epmdAliveX = 118
	epmdPort2  = 119
)

func inspectEPMD(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	// The header and the fixed part of a registration: port, kind, protocol, highest and lowest version, length of the
	// name.
	const header, fixed = 3, 10
	request, answer := c.ToServer(), c.ToClient()
	if len(request) < header {
		return moreIf(len(answer) == 0 && (len(request) == 0 || request[0] == 0))
	}
	length := be16(request)
	if length+2 != len(request) {
		return moreIf(length+2 > len(request) && length <= dissect.MaxText+fixed)
	}
	o := r.Object("epmd")
	switch body := request[header:]; request[2] {
	case epmdNames: // the mapper's port, then lines
		if length != 1 || len(answer) >= 4 && be32(answer) != epmdOwnPort {
			return dissect.No
		}
		o.String("request", "names")
		return moreUntil(len(answer) >= 4)
	case epmdPort:
		if len(body) == 0 || !isPrintable(body) || len(answer) > 0 && answer[0] != epmdPort2 {
			return dissect.No
		}
		o.String("request", "port")
		o.Text("node", body)
	case epmdAlive:
		if len(body) < fixed || len(body) < fixed+be16(body[8:]) || !isPrintable(body[fixed:fixed+be16(body[8:])]) ||
			len(answer) > 0 && answer[0] != epmdAlive2 && answer[0] != epmdAliveX {
			return dissect.No
		}
		o.String("request", "register")
		o.Text("node", body[fixed:fixed+be16(body[8:])])
		o.Int("port", int64(be16(body)))
	default:
		return dissect.No
	}
	return moreUntil(len(answer) > 0)
}

// epmdOwnPort is every mapper's port, which it writes before the names.
const epmdOwnPort = 4369

// moreUntil is Yes if everything has arrived, NeedMore before.
func moreUntil(enough bool) dissect.Verdict {
	if enough {
		return dissect.Yes
	}
	return dissect.NeedMore
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// stomp: a CONNECT or STOMP frame with its headers, or the server's CONNECTED.
var stompProtocol = &dissect.Protocol{
	Name:      "stomp",
	Spec:      "STOMP 1.2: Connecting",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Ports:     []uint16{61613},
	Start:     dissect.FirstBytes("CONNECT\n", "STOMP\n"),
	MinLength: 6,
	Members:   []string{"stomp.server"},
	Inspect:   inspectSTOMP,
}

var stompHeaders = []string{"accept-version:", "host:", "login:", "passcode:", "heart-beat:", "version:", "session:",
	"server:", "client-id:"}

func inspectSTOMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	command, rest, whole := cutLine(b)
	if !whole {
		if couldBe(b, "CONNECT") || couldBe(b, "STOMP") || couldBe(b, "CONNECTED") {
			return dissect.NeedMore
		}
		return dissect.No
	}
	switch string(command) {
	case "CONNECT", "STOMP", "CONNECTED":
	default:
		return dissect.No
	}
	header, _, whole := cutLine(rest)
	if !whole {
		return dissect.NeedMore
	}
	if !hasAnyPrefix(header, stompHeaders) {
		return dissect.No
	}
	var server []byte
	password := false
	for range maxLines {
		line, after, whole := cutLine(rest)
		if !whole || len(line) == 0 {
			break
		}
		rest = after
		if host, ok := bytes.CutPrefix(line, []byte("host:")); ok {
			r.SetHost(host)
		}
		if value, ok := bytes.CutPrefix(line, []byte("server:")); ok {
			server = value
		}
		password = password || hasPrefix(line, "passcode:")
	}
	if password {
		r.Risk(record.RiskCleartextCredentials)
	}
	r.Object("stomp").Text("server", server)
	return dissect.Yes
}

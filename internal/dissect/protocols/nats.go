// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// nats: the client protocol in lines: the server's INFO, the client's CONNECT, and in mid-flow messages with a fitting
// length.
var natsProtocol = &dissect.Protocol{
	Name:      "nats",
	Spec:      "NATS client protocol, docs.nats.io/reference/reference-protocols/nats-protocol",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Ports:     []uint16{4222, 6222},
	Start:     dissect.FirstBytes("INFO {", "CONNECT {", "PUB ", "MSG "),
	MinLength: 6,
	Members:   []string{"nats.client_language", "nats.client_name", "nats.server_name", "nats.server_version"},
	Inspect:   inspectNATS,
}

func inspectNATS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var info, connect []byte
	waiting := false
	for _, b := range [2][]byte{c.First(), c.Second()} {
		switch {
		case hasPrefix(b, "INFO {"):
			info = b
		case hasPrefix(b, "CONNECT {"):
			connect = b
		case natsMessage(b):
			return dissect.Yes
		case hasAnyPrefix(b, []string{"PUB ", "MSG ", "+OK\r\n", "PING\r\n", "PONG\r\n"}) || len(b) < 9:
			waiting = true
		}
	}
	switch {
	case info == nil && connect == nil && waiting:
		return dissect.NeedMore
	case info == nil && connect == nil:
		return dissect.No
	}
	infoLine, _, told := cutLine(info)
	connectLine, _, asked := cutLine(connect)
	id := jsonText(infoLine, "server_id")
	if id == nil && (info == nil || connect == nil) && jsonText(connectLine, "lang") == nil {
		return dissect.NeedMore
	}
	o := r.Object("nats")
	o.Text("server_version", jsonText(infoLine, "version"))
	o.Text("server_name", jsonText(infoLine, "server_name"))
	o.Text("client_name", jsonText(connectLine, "name"))
	o.Text("client_language", jsonText(connectLine, "lang"))
	if jsonText(connectLine, "pass") != nil || jsonText(connectLine, "auth_token") != nil {
		r.Risk(record.RiskCleartextCredentials)
	}
	if told && asked {
		return dissect.Yes
	}
	return dissect.YesMore
}

// natsMessage reports whether b begins with PUB subject [reply] length, or MSG subject sid [reply] length, and a
// payload of that length in its own line.
func natsMessage(b []byte) bool {
	if !hasPrefix(b, "PUB ") && !hasPrefix(b, "MSG ") {
		return false
	}
	line, rest, whole := cutLine(b)
	if !whole || !isPrintable(line) {
		return false
	}
	fields, length, digits := 1, 0, 0
	for _, c := range line {
		switch {
		case c == ' ':
			fields, length, digits = fields+1, 0, 0
		case c >= '0' && c <= '9' && digits < 8:
			length = length*10 + int(c-'0')
			digits++
		default:
			digits = 8 // not a number
		}
	}
	if digits == 0 || digits == 8 || fields < 3 || fields > 5 || len(rest) < length+2 {
		return false
	}
	return string(rest[length:length+2]) == "\r\n"
}

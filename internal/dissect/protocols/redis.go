// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// redis: RESP, versions 2 and 3: a command is an array of bulk strings, or one line.
var redisProtocol = &dissect.Protocol{
	Name:      "redis",
	Spec:      "Redis serialization protocol specification (RESP)",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{6379, 26379},
	Start:     dissect.FirstBytes("*", "PING", "AUTH", "INFO", "QUIT"),
	MinLength: 6,
	Members:   []string{"redis.command"},
	Inspect:   inspectRedis,
}

// redisInline are the commands that people and probes send as one line; only the reply makes them certain.
var redisInline = []string{"PING\r\n", "AUTH ", "INFO\r\n", "QUIT\r\n"}

const (
	redisMaxCommand = 32 // longer than any command's name with its module
	redisMaxDigits  = 9  // an array has at most 1,048,576 elements, a bulk string 512 MiB
)

func inspectRedis(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, reply := c.ToServer(), c.ToClient()
	if len(request) == 0 || c.Midstream && request[0] != '*' && len(reply) > 0 && reply[0] == '*' {
		request, reply = reply, request
	}
	if hasAnyPrefix(request, redisInline) {
		return redisAfterLine(request, reply, r)
	}
	command, rest, ok, whole := redisArray(request)
	switch {
	case !ok:
		return dissect.No
	case !whole:
		return dissect.NeedMore
	}
	o := r.Object("redis")
	o.Text("command", command)
	if hasPrefixFold(command, "AUTH") || hasPrefixFold(command, "HELLO") && containsFold(rest[:min(len(rest), 64)],
		"AUTH") {
		r.Risk(record.RiskCleartextCredentials)
	}
	return dissect.Yes
}

// redisArray reads the start of a command: "*2\r\n$3\r\nGET\r\n". ok: it is or may become one.
func redisArray(b []byte) (command, rest []byte, ok, whole bool) {
	elements, b, ok, whole := redisCount(b, '*')
	if !ok || !whole {
		return nil, nil, ok, false
	}
	length, b, ok, whole := redisCount(b, '$')
	if !ok || elements == 0 || whole && (length == 0 || length > redisMaxCommand) {
		return nil, nil, false, false
	}
	if !whole || len(b) < length+2 {
		return nil, nil, true, false
	}
	for _, c := range b[:length] {
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '.' && c != '_' && c != '-' {
			return nil, nil, false, false
		}
	}
	return b[:length], b[length+2:], string(b[length:length+2]) == "\r\n", true
}

// redisCount reads a type byte, a number and CR LF.
func redisCount(b []byte, kind byte) (n int, rest []byte, ok, whole bool) {
	if len(b) == 0 {
		return 0, nil, true, false
	}
	if b[0] != kind {
		return 0, nil, false, false
	}
	for i, c := range b[1:] {
		switch {
		case c >= '0' && c <= '9' && i < redisMaxDigits:
			n = n*10 + int(c-'0')
		case c == '\r' && i > 0:
			rest = b[i+2:]
			if len(rest) == 0 {
				return 0, nil, true, false
			}
			return n, rest[1:], rest[0] == '\n', true
		default:
			return 0, nil, false, false
		}
	}
	return 0, nil, true, false
}

// redisAfterLine decides by the reply to a one-line command.
func redisAfterLine(request, reply []byte, r *dissect.Result) dissect.Verdict {
	if len(reply) == 0 {
		return dissect.NeedMore
	}
	answers := hasAnyPrefix(reply, []string{"+PONG\r\n", "-NOAUTH ", "-ERR ", "-WRONGPASS ", "-DENIED "})
	if hasPrefix(request, "AUTH ") || hasPrefix(request, "QUIT") {
		answers = hasAnyPrefix(reply, []string{"+OK\r\n", "-WRONGPASS ", "-ERR Client sent AUTH",
			"-ERR invalid password", "-ERR AUTH"})
	}
	if hasPrefix(request, "INFO") {
		answers = answers || reply[0] == '$' && bytes.Contains(reply, []byte("redis_version:"))
	}
	if !answers {
		if len(reply) < len("-WRONGPASS ") || reply[0] == '$' && hasPrefix(request, "INFO") {
			return dissect.NeedMore
		}
		return dissect.No
	}
	o := r.Object("redis")
	o.Text("command", request[:4])
	return dissect.Yes
}

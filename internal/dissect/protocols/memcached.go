// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"slices"

	"github.com/weirnet/weir/internal/dissect"
)

// memcached: the text protocol (memcached doc/protocol.txt) and the binary one (docs "BinaryProtocolRevamped"), over
// TCP, and over UDP after an 8-byte frame header.
var memcachedProtocol = &dissect.Protocol{
	Name:      "memcached",
	Spec:      "memcached protocol.txt (meta commands included); BinaryProtocolRevamped §2",
	Category:  "database",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{11211},
	Start:     dissect.BytesOf(0x80, 0x81).Or(dissect.FirstBytes(memcachedCommands...)),
	MinLength: 4,
	Members:   []string{"memcached.command", "memcached.opcode"},
	Inspect:   inspectMemcached,
}

// memcachedCommands are a client's first text commands, each with its mandatory continuation.
var memcachedCommands = []string{
	"get ", "gets ", "set ", "add ", "replace ", "append ", "prepend ", "cas ", "stats", "version\r\n", "delete ",
	"incr ", "decr ", "touch ",
	"gat ", "gats ", "flush_all", "verbosity ", "cache_memlimit ", "slabs ", "lru ", "lru_crawler ", "watch ",
	"mg ", "ms ", "md ", "mn\r\n", "me ", "ma ", // meta commands
}

// memcachedReplies are the first lines of a server's answers.
var memcachedReplies = []string{"VALUE ", "STORED\r\n", "NOT_STORED\r\n", "END\r\n", "STAT ", "VERSION ", "DELETED\r\n",
	"NOT_FOUND\r\n", "EXISTS\r\n", "TOUCHED\r\n", "ERROR\r\n", "CLIENT_ERROR ", "SERVER_ERROR ", "OK\r\n", "RESET\r\n"}

// memcachedMetaReplies are the codes that answer meta commands, before flags or nothing.
var memcachedMetaReplies = []string{"HD", "VA ", "EN", "NF", "NS", "EX", "MN", "ME ", "MA ", "CLIENT_ERROR ",
	"SERVER_ERROR ", "ERROR"}

func inspectMemcached(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, reply := c.ToServer(), c.ToClient()
	if c.Transport == dissect.UDP {
		request, reply = memcachedDatagrams(c)
	}
	if len(request) == 0 {
		return dissect.NeedMore // the server never speaks first, but a capture may begin with it
	}
	if request[0] == 0x80 {
		return memcachedBinary(request, reply, r)
	}
	line, _, complete := bytes.Cut(request, []byte("\r\n"))
	if !hasAnyPrefix(request, memcachedCommands) {
		return dissect.No
	}
	if !complete {
		return dissect.NeedMore
	}
	if reply == nil {
		return dissect.NeedMore // other text protocols have a "get" as well: only the answer is distinctive
	}
	command, _, _ := bytes.Cut(line, []byte(" "))
	if len(command) == 2 && command[0] == 'm' {
		if v := memcachedMeta(reply); v != dissect.Yes {
			return v
		}
	} else if isNumber := hasAnyPrefix(command, []string{"incr", "decr"}) && len(reply) > 0 && reply[0] >= '0' &&
		reply[0] <= '9'; isNumber {
		if number, _, whole := bytes.Cut(reply, []byte("\r\n")); !whole || !isDigits(bytes.TrimRight(number, " ")) {
			return moreIf(!whole && isDigits(reply))
		}
	} else if !hasAnyPrefix(reply, memcachedReplies) {
		return moreIf(slices.ContainsFunc(memcachedReplies, func(begin string) bool { return couldBe(reply, begin) }))
	}
	r.Object("memcached").Text("command", command)
	return dissect.Yes
}

// memcachedMeta checks the answer to a meta command: a code, then flags or the line's end.
func memcachedMeta(reply []byte) dissect.Verdict {
	line, _, whole := bytes.Cut(reply, []byte("\r\n"))
	if !isPrintable(line) {
		return dissect.No
	}
	for _, code := range memcachedMetaReplies {
		switch {
		case !couldBe(reply, code):
		case len(line) < len(code) || !whole:
			return dissect.NeedMore
		case len(line) == len(code) || code[len(code)-1] == ' ' || line[len(code)] == ' ':
			return dissect.Yes
		}
	}
	return dissect.No
}

// memcachedBinary checks the 24-byte headers: magic, opcode, key, extras and total lengths that agree.
func memcachedBinary(request, reply []byte, r *dissect.Result) dissect.Verdict {
	const header = 24
	if len(request) < header {
		return dissect.NeedMore
	}
	keyLength := be16(request[2:])
	extras, body := int(request[4]), be32(request[8:])
	if request[1] > 0x48 || body > 1<<24 || keyLength+extras > body || keyLength > 250 {
		return dissect.No
	}
	if len(reply) < header {
		return dissect.NeedMore
	}
	if reply[0] != 0x81 || reply[1]&^0x0f != request[1]&^0x0f && reply[1] != request[1] ||
		be32(reply[8:]) < be16(reply[2:])+int(reply[4]) || reply[1] > 0x48 {
		return dissect.No
	}
	r.Object("memcached").Int("opcode", int64(request[1]))
	return dissect.Yes
}

// memcachedDatagrams returns the first request and reply without their frame headers: request id, sequence number,
// number of datagrams, reserved (0), 2 bytes each.
func memcachedDatagrams(c *dissect.Conversation) (request, reply []byte) {
	const header = 8
	for _, d := range c.Datagrams {
		if len(d.Payload) <= header || d.Payload[6] != 0 || d.Payload[7] != 0 || d.Payload[4] != 0 {
			continue
		}
		switch payload := d.Payload[header:]; {
		case d.FromClient && request == nil:
			request = payload
		case !d.FromClient && reply == nil:
			reply = payload
		}
	}
	return request, reply
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// amqp: 0-9-1 and before, by protocol header or, in mid-flow, by frames; 1.0 by its header.
var amqpProtocol = &dissect.Protocol{
	Name:      "amqp",
	Spec:      "AMQP 0-9-1 §2.3, §4.2; OASIS AMQP 1.0 part 2 §2.2, part 5 §5.2, §5.3.1",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Ports:     []uint16{5671, 5672},
	Start:     dissect.BytesOf('A', 1, 8),
	MinLength: 8,
	Members:   []string{"amqp.version"},
	Inspect:   inspectAMQP,
}

const (
	amqpFrame = 8    // type, channel, size; the end byte after the payload
	amqpEnd   = 0xce // §4.2.3
)

func inspectAMQP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) < 8 || !hasPrefix(b, "AMQP") {
			continue
		}
		version, ok := amqpVersion([4]byte(b[4:8]))
		if !ok {
			return dissect.No
		}
		r.Object("amqp").String("version", version)
		return dissect.Yes
	}
	frames := 0
	for _, b := range [2][]byte{c.First(), c.Second()} {
		n, _, ok := countMessages(b, amqpFrameLength)
		if !ok {
			return dissect.No
		}
		if n > 0 && b[0] == 8 {
			return dissect.Yes // a heartbeat: 64 bits
		}
		frames += n
	}
	if frames >= 2 { // 22 bits each
		return dissect.Yes
	}
	return dissect.NeedMore
}

// amqpVersion returns the version in a protocol header: 0-9-1 and 0-10 write a class and instance before it, 1.0 the
// header's protocol.
func amqpVersion(b [4]byte) (string, bool) {
	switch b {
	case [4]byte{0, 0, 9, 1}:
		return "0-9-1", true
	case [4]byte{1, 1, 0, 9}, [4]byte{1, 1, 9, 1}:
		return "0-9", true
	case [4]byte{1, 1, 8, 0}:
		return "0-8", true
	case [4]byte{1, 1, 0, 10}:
		return "0-10", true
	case [4]byte{0, 1, 0, 0}, [4]byte{2, 1, 0, 0}, [4]byte{3, 1, 0, 0}:
		return "1.0", true
	}
	return "", false
}

// amqpFrameLength returns the length of a method, header, body or heartbeat frame, for countMessages.
func amqpFrameLength(b []byte) int {
	if b[0] != 1 && b[0] != 2 && b[0] != 3 && b[0] != 8 {
		return -1
	}
	if len(b) < amqpFrame-1 {
		return 0
	}
	size := be32(b[3:])
	if size > 1<<24 || b[0] == 8 && (size != 0 || be16(b[1:]) != 0) || b[0] == 1 && size < 4 || b[0] == 2 && size < 14 {
		return -1
	}
	if len(b) >= size+amqpFrame && b[size+amqpFrame-1] != amqpEnd {
		return -1
	}
	if b[0] <= 2 && len(b) > amqpFrame && !amqpClass(be16(b[amqpFrame-1:])) {
		return -1
	}
	return size + amqpFrame
}

// amqpClass reports whether class is one of §1.2, or RabbitMQ's confirm.
func amqpClass(class int) bool {
	switch class {
	case 10, 20, 40, 50, 60, 85, 90:
		return true
	}
	return false
}

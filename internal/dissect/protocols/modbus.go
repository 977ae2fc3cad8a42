// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// modbus: Modbus/TCP, by a request and the response that repeats its transaction, unit and function, or by messages
// that follow one another exactly. UMAS, Schneider Electric's own function, is an application.
var modbusProtocol = &dissect.Protocol{
	Name: "modbus",
	Spec: "MODBUS Messaging on TCP/IP Implementation Guide V1.0b §3.1.3; MODBUS Application Protocol V1.1b3 " +
		"§5, §6",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{502, 802},
	Start:     dissect.ByteRange(0, 0x0f), // the transaction identifier, which most count from 0 or 1
	MinLength: modbusHeader + 1,
	Heuristic: true,
	Members:   []string{"modbus.exception", "modbus.function", "modbus.unit_id"},
	Inspect:   inspectModbus,
}

const (
	modbusHeader    = 7   // transaction, protocol (0), length, unit
	modbusMaxLength = 254 // unit and a protocol data unit of 253 bytes, §4.1
	modbusUMAS      = 0x5a
	modbusException = 0x80
	// modbusAlone messages of one side suffice without an answer: 40 bits of header fields, and lengths that agree.
	modbusAlone = 4
)

func inspectModbus(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var first, second []byte
	if c.Transport == dissect.TCP {
		first, second = c.First(), c.Second()
	} else {
		first = c.Datagrams[0].Payload
		for i := range c.Datagrams {
			if c.Datagrams[i].FromClient != c.Datagrams[0].FromClient {
				second = c.Datagrams[i].Payload
			}
		}
	}
	n, _, ok := countMessages(first, modbusLength)
	m, _, ok2 := countMessages(second, modbusLength)
	if !ok || !ok2 {
		return dissect.No
	}
	if len(first) < modbusHeader+1 || len(second) < modbusHeader+1 {
		if n+m >= modbusAlone {
			return modbusTell(first, second, r)
		}
		return dissect.NeedMore
	}
	if string(first[:2]) == string(second[:2]) && first[6] == second[6] &&
		first[7]&^modbusException == second[7]&^modbusException || n >= 2 && m >= 2 {
		return modbusTell(first, second, r)
	}
	return moreIf(c.Midstream)
}

func modbusTell(a, b []byte, r *dissect.Result) dissect.Verdict {
	if len(a) == 0 {
		a = b
	}
	if a[7] == modbusUMAS {
		r.SetApplication("umas")
	}
	o := r.Object("modbus")
	o.Int("unit_id", int64(a[6]))
	o.Int("function", int64(a[7]&^modbusException))
	if len(b) > 8 && b[7]&modbusException != 0 {
		o.Int("exception", int64(b[8]))
	}
	return dissect.Yes
}

// modbusLength returns the length of a message, for countMessages.
func modbusLength(b []byte) int {
	if len(b) < modbusHeader+1 {
		return 0
	}
	length, function := be16(b[4:]), b[7]
	if b[2] != 0 || b[3] != 0 || length < 2 || length > modbusMaxLength || !modbusFunction(function, length) {
		return -1
	}
	return modbusHeader - 1 + length
}

// modbusFunction reports whether the function is a public one of §5.1, or UMAS, and whether its request or response can
// have that length, unit and function included. An exception has only its code.
func modbusFunction(function byte, length int) bool {
	if function&modbusException != 0 {
		return length == 3
	}
	switch function {
	case 1, 2, 3, 4: // request: address and quantity; response: byte count and values
		return length >= 4
	case 5, 6, 8: // the response repeats the request
		return length == 6 || function == 8 && length > 4
	case 7, 11, 12, 17:
		return length >= 2
	case 15, 16, 20, 21, 22, 23, 24, 43, modbusUMAS:
		return length >= 4
	}
	return false
}

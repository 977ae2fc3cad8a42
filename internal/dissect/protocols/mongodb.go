// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// mongodb: the wire protocol: OP_MSG, OP_COMPRESSED, and the older OP_QUERY and OP_REPLY, each with a BSON document.
var mongodbProtocol = &dissect.Protocol{
	Name:      "mongodb",
	Spec:      "MongoDB Wire Protocol (opcodes 1, 2004, 2012, 2013); BSON 1.1",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{27017, 27018, 27019},
	Start:     dissect.ByteRange(0, 255), // the lowest byte of the first message's length
	MinLength: mongoHeader + 5,
	Heuristic: true, // spares other protocols' flows the inspection: its own first message is distinctive
	Members:   []string{"mongodb.application", "mongodb.command", "mongodb.database", "mongodb.driver"},
	Inspect:   inspectMongoDB,
}

const (
	mongoHeader     = 16       // length, request, response to, opcode; all numbers are little endian
	mongoMaxMessage = 48000000 // maxMessageSizeBytes
	mongoReply      = 1
	mongoQuery      = 2004
	mongoCompressed = 2012
	mongoMsg        = 2013
	bsonMinimum     = 5 // length and a zero
	bsonElements    = 64
	bsonString      = 2
	bsonDocument    = 3
)

func inspectMongoDB(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.First(), c.Second()} {
		if len(b) < mongoHeader+bsonMinimum {
			continue
		}
		document, ok := mongoBody(b)
		if !ok {
			return moreIf(mongoIsCut(b))
		}
		if document == nil {
			return dissect.Yes // compressed
		}
		if le32(b[8:]) != 0 && len(c.Second()) == 0 {
			return dissect.Yes // the capture begins with an answer
		}
		mongoTell(document, r)
		return dissect.Yes
	}
	return dissect.NeedMore
}

// mongoIsCut reports whether b begins a message but may lack bytes that mongoBody checks.
func mongoIsCut(b []byte) bool {
	const checked = mongoHeader + 4 + dissect.MaxText + 8 + bsonMinimum
	length, opcode := le32(b), ule32(b[12:])
	return length <= mongoMaxMessage && len(b) < min(length, checked) && (opcode == mongoMsg || opcode == mongoQuery ||
		opcode == mongoReply)
}

// mongoBody checks the header at the start of b and its opcode's fixed fields, and returns the first document as far as
// it has arrived.
func mongoBody(b []byte) (document []byte, ok bool) {
	length := le32(b)
	if length < mongoHeader+bsonMinimum || length > mongoMaxMessage {
		return nil, false
	}
	body := b[mongoHeader:min(length, len(b))]
	before := 0 // bytes before the document
	switch ule32(b[12:]) {
	case mongoMsg: // flags, of which 3 are defined and the lower 16 must be understood; kind of the section
		const known = 1<<0 | 1<<1 | 1<<16
		if ule32(body)&^known != 0 || body[4] != 0 {
			return nil, false
		}
		before = 5
	case mongoQuery: // flags, collection, skip, count
		name, _, whole := cutZero(body[4:min(len(body), 4+dissect.MaxText)])
		if le32(body)&^0xfe != 0 || !whole || !isPrintable(name) || bytes.IndexByte(name, '.') <= 0 {
			return nil, false
		}
		before = 4 + len(name) + 1 + 8
	case mongoReply: // flags, cursor, position, count
		if le32(body)&^0xf != 0 || le32(b[8:]) == 0 {
			return nil, false
		}
		before = 20
	case mongoCompressed: // the opcode inside, its length, compressor
		if original := le32(body); original != mongoMsg && original != mongoQuery && original != mongoReply ||
			len(body) < 9 || body[8] > 3 {
			return nil, false
		}
		return nil, true
	default:
		return nil, false
	}
	if len(body) < before+bsonMinimum {
		return nil, false
	}
	document = body[before:]
	if n := le32(document); n < bsonMinimum || n > length-mongoHeader-before {
		return nil, false
	}
	kind := document[4]
	if kind == 0 {
		return document, le32(document) == bsonMinimum && length == mongoHeader+before+bsonMinimum
	}
	name, _, whole := cutZero(document[5:])
	if kind > 0x13 && kind != 0xff && kind != 0x7f || whole && len(name) == 0 ||
		!isPrintable(name[:min(len(name), dissect.MaxText)]) {
		return nil, false
	}
	return document, true
}

// mongoTell writes a command's name, the name of the document's first element, and the driver's names in
// client.application.name and client.driver.name.
func mongoTell(document []byte, r *dissect.Result) {
	o := r.Object("mongodb")
	if name, _, ok := cutZero(document[5:]); ok && isPrintable(name) {
		o.Text("command", name)
	}
	o.Text("database", bsonText(document, "$db"))
	client := bsonFind(document, bsonDocument, "client")
	o.Text("application", bsonText(bsonFind(client, bsonDocument, "application"), "name"))
	o.Text("driver", bsonText(bsonFind(client, bsonDocument, "driver"), "name"))
}

// bsonText returns the text of the element name of document, nil if absent.
func bsonText(document []byte, name string) []byte {
	value := bsonFind(document, bsonString, name)
	if len(value) < 5 {
		return nil
	}
	text, _, _ := cutZero(value[4:])
	return text
}

// bsonFind returns the value of the element with that kind and name, nil if absent or incomplete.
func bsonFind(document []byte, kind byte, name string) []byte {
	if len(document) < bsonMinimum {
		return nil
	}
	b := document[4:min(len(document), max(bsonMinimum, le32(document)))]
	for range bsonElements {
		if len(b) < 2 || b[0] == 0 {
			return nil
		}
		own, value, ok := cutZero(b[1:])
		if !ok {
			return nil
		}
		n := bsonLength(b[0], value)
		if n < 0 || n > len(value) {
			return nil
		}
		if b[0] == kind && string(own) == name {
			return value[:n]
		}
		b = value[n:]
	}
	return nil
}

// bsonLength returns the length of a value by its kind, negative if unknown.
func bsonLength(kind byte, value []byte) int {
	before := 0
	switch kind {
	case 0x06, 0x0a, 0x7f, 0xff: // undefined, null, greatest and least key
		return 0
	case 0x08:
		return 1
	case 0x10:
		return 4
	case 0x01, 0x09, 0x11, 0x12: // double, date, timestamp, integer
		return 8
	case 0x07: // object id
		return 12
	case 0x13: // decimal
		return 16
	case 0x02, 0x0d, 0x0e: // texts: the length excludes itself
		before = 4
	case 0x05: // binary: excludes itself and the kind
		before = 5
	case 0x03, 0x04, 0x0f: // documents: includes itself
	default:
		return -1
	}
	if len(value) < 4 || le32(value) < 0 || le32(value) > mongoMaxMessage {
		return -1
	}
	return before + le32(value)
}

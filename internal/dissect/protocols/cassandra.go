// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// cassandra: the native protocol, versions 3 to 5, by the first frames of a connection, and the protocol between nodes,
// by its magic.
var cassandraProtocol = &dissect.Protocol{
	Name:      "cassandra",
	Spec:      "Apache Cassandra native_protocol_v3.spec to v5.spec, §2, §4",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{9042, 9142, 7000},
	Start:     dissect.BytesOf(1, 2, 3, 4, 5, 6, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0xca),
	MinLength: 8,
	Members: []string{"cassandra.cql_version", "cassandra.driver", "cassandra.driver_version",
		"cassandra.version"},
	Inspect: inspectCassandra,
}

const (
	cassandraHeader   = 9 // version, flags, stream (2), opcode, length; versions 1 and 2 have a stream of one byte
	cassandraMagic    = "\xca\x55\x2d\xfa"
	cassandraMax      = 256 << 20 // §2.5
	cassandraResponse = 0x80
)

func inspectCassandra(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, response := c.ToServer(), c.ToClient()
	if hasPrefix(request, cassandraMagic) || hasPrefix(response, cassandraMagic) {
		return dissect.Yes // between nodes
	}
	if len(request) > 0 && request[0]&cassandraResponse != 0 || len(response) > 0 &&
		response[0]&cassandraResponse == 0 {
		request, response = response, request
	}
	asked, startup, ok := cassandraFrame(request, 0)
	answered, _, ok2 := cassandraFrame(response, cassandraResponse)
	switch {
	case !ok || !ok2:
		return dissect.No
	case !startup && !(asked && answered && request[0]&0x7f == response[0]&0x7f):
		return dissect.NeedMore
	}
	o := r.Object("cassandra")
	o.Int("version", int64(request[0]))
	if startup {
		cassandraOptions(request[cassandraHeader:], o)
	}
	return dissect.Yes
}

// cassandraFrame checks the frame at the start of b. startup: a STARTUP with its options, which alone is distinctive;
// ok is false if b begins with no frame.
func cassandraFrame(b []byte, direction byte) (whole, startup, ok bool) {
	if len(b) < cassandraHeader {
		return false, false, true
	}
	version, flags, opcode, length := b[0], b[1], b[4], be32(b[5:])
	if version&cassandraResponse != direction || version&0x7f < 3 || version&0x7f > 6 || flags&^0x1f != 0 ||
		length < 0 || length > cassandraMax {
		return false, false, false
	}
	if direction == 0 {
		switch opcode {
		case 0x01:
			body := b[cassandraHeader:min(len(b), cassandraHeader+length)]
			startup = len(body) >= 15 && be16(body) <= 16 && (string(body[4:15]) == "CQL_VERSION" ||
				isPrintable(body[4:15]) && be16(body[2:]) < 32)
			return startup, startup, startup || len(body) < 15 && length >= 15
		case 0x05: // OPTIONS has no body
			return length == 0 && len(b) == cassandraHeader, false, length == 0
		case 0x07, 0x09, 0x0a, 0x0b, 0x0d, 0x0f:
		default:
			return false, false, false
		}
	} else {
		switch opcode {
		case 0x00, 0x02, 0x03, 0x06, 0x08, 0x0c, 0x0e, 0x10:
		default:
			return false, false, false
		}
	}
	return len(b) == cassandraHeader+length || len(b) > 2*cassandraHeader && length > 4 && len(b) >= cassandraHeader+
		length, false, true
}

// cassandraOptions reads STARTUP's string map: the number of entries, then names and values after 2 bytes of length
// each.
func cassandraOptions(b []byte, o *dissect.Object) {
	n := be16(b)
	b = b[2:]
	for range min(n, dissect.MaxList) {
		name, rest, ok := cutText16(b)
		value, rest, ok2 := cutText16(rest)
		if !ok || !ok2 {
			return
		}
		switch string(name) {
		case "CQL_VERSION":
			o.Text("cql_version", value)
		case "DRIVER_NAME":
			o.Text("driver", value)
		case "DRIVER_VERSION":
			o.Text("driver_version", value)
		}
		b = rest
	}
}

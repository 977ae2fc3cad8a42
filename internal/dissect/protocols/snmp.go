// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/ber"
)

// snmp: v1 (RFC 1157 §4), v2c (RFC 1901 §3) and v3 (RFC 3412 §6).
var snmpProtocol = &dissect.Protocol{
	Name:      "snmp",
	Spec:      "RFC 1157 §4; RFC 1901 §3; RFC 3412 §6; RFC 3416 §3",
	Category:  "network",
	Over:      dissect.UDP | dissect.TCP, // TCP: RFC 3430
	Ports:     []uint16{161, 162},
	Start:     dissect.BytesOf(ber.Sequence),
	MinLength: 16,
	Members: []string{"snmp.community", "snmp.encrypted", "snmp.engine_id", "snmp.pdu", "snmp.user",
		"snmp.version"},
	Inspect: inspectSNMP,
}

// snmpPDUs names the protocol data units by their tag's number, RFC 1157 §4.1 and RFC 3416 §3.
var snmpPDUs = [...]string{"get", "get-next", "response", "set", "trap-v1", "get-bulk", "inform", "trap", "report"}

func inspectSNMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	message, whole, ok := ber.Enter(b, ber.Sequence)
	if !ok {
		return dissect.No
	}
	if !whole && c.Transport == dissect.TCP && len(b) < dissect.MaxStream && !c.Last {
		return dissect.NeedMore
	}
	version, rest, ok := ber.ExpectInt(message)
	if !ok {
		return dissect.No
	}
	o := r.Object("snmp")
	switch version {
	case 0, 1:
		return snmpCommunity(o, rest, version)
	case 3:
		return snmpV3(c, o, rest)
	}
	return dissect.No
}

// snmpCommunity reads the fields after the version in v1 and v2c: community, then a PDU that begins with the request's
// identifier and two small numbers, or, in a v1 trap, with the enterprise and the agent's address.
func snmpCommunity(o *dissect.Object, b []byte, version int64) dissect.Verdict {
	community, rest, ok := ber.Expect(b, ber.OctetString)
	if !ok {
		return dissect.No
	}
	tag, at, _, ok := ber.Header(rest)
	kind := int(tag &^ 0xe0)
	if !ok || tag&0xe0 != 0xa0 || kind >= len(snmpPDUs) || at > len(rest) {
		return dissect.No
	}
	pdu := rest[at:]
	if kind == 4 {
		if _, _, ok := ber.Expect(pdu, ber.ObjectID); !ok || version != 0 {
			return dissect.No
		}
	} else {
		for range 3 { // request-id, error-status or non-repeaters, error-index or max-repetitions
			if _, pdu, ok = ber.ExpectInt(pdu); !ok {
				return dissect.No
			}
		}
		if _, _, ok := ber.Enter(pdu, ber.Sequence); !ok {
			return dissect.No
		}
	}
	o.String("version", [2]string{"1", "2c"}[version])
	o.Text("community", community)
	o.String("pdu", snmpPDUs[kind])
	return dissect.Yes
}

// snmpHead is the header of a version 3 message, and the security parameters of the user-based model.
type snmpHead struct {
	flags        byte
	userBased    bool
	engine, user []byte
}

// parse reads the header data: identifier, maximum size, flags, security model; then the security parameters, which
// name engine and user in the user-based model (RFC 3414 §2.4).
func (h *snmpHead) parse(b []byte) bool {
	const userBased = 3
	header, rest, ok := ber.Expect(b, ber.Sequence)
	if !ok {
		return false
	}
	_, header, ok1 := ber.ExpectInt(header)
	size, header, ok2 := ber.ExpectInt(header)
	flags, header, ok3 := ber.Expect(header, ber.OctetString)
	model, header, ok4 := ber.ExpectInt(header)
	parameters, _, ok5 := ber.Expect(rest, ber.OctetString)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || size < 484 || len(flags) != 1 || len(header) != 0 || model < 1 {
		return false // RFC 3412 §6.2: every engine accepts 484 bytes
	}
	h.flags, h.userBased = flags[0], model == userBased
	if !h.userBased {
		return true
	}
	fields, _, ok := ber.Expect(parameters, ber.Sequence)
	h.engine, fields, ok1 = ber.Expect(fields, ber.OctetString)
	_, fields, ok2 = ber.ExpectInt(fields)
	_, fields, ok3 = ber.ExpectInt(fields)
	h.user, _, ok4 = ber.Expect(fields, ber.OctetString)
	return ok && ok1 && ok2 && ok3 && ok4
}

// discovers reports whether the message only discovers the other engine's identifier and time (RFC 3414 §4), or answers
// such a discovery: it has no user, and its flags don't show how other messages travel.
func (h *snmpHead) discovers() bool { return h.userBased && len(h.user) == 0 }

// snmpV3 writes fields of the first message after an optional discovery.
func snmpV3(c *dissect.Conversation, o *dissect.Object, b []byte) dissect.Verdict {
	const private = 0x02 // a flag; receivers ignore reserved flags (RFC 3412 §6.4)
	var h snmpHead
	if !h.parse(b) {
		return dissect.No
	}
	if h.discovers() {
		h.afterDiscovery(c)
	}
	o.String("version", "3")
	if !h.discovers() {
		o.Bool("encrypted", h.flags&private != 0)
	}
	o.Hex("engine_id", h.engine)
	o.Text("user", h.user)
	return moreOrYes(h.discovers())
}

// afterDiscovery reads the first message with a user into h, if any.
func (h *snmpHead) afterDiscovery(c *dissect.Conversation) {
	for i := range c.Datagrams {
		if h.replace(c.Datagrams[i].Payload) {
			return
		}
	}
	for _, stream := range [2][]byte{c.ToServer(), c.ToClient()} {
		for range snmpMessages {
			_, at, length, ok := ber.Header(stream)
			if !ok || len(stream) < at+length {
				break
			}
			if h.replace(stream[:at+length]) {
				return
			}
			stream = stream[at+length:]
		}
	}
}

// snmpMessages bounds the messages read of each direction of a connection.
const snmpMessages = 8

func (h *snmpHead) replace(b []byte) bool {
	message, _, ok := ber.Enter(b, ber.Sequence)
	version, rest, ok1 := ber.ExpectInt(message)
	var next snmpHead
	if !ok || !ok1 || version != 3 || !next.parse(rest) || next.discovers() {
		return false
	}
	*h = next
	return true
}

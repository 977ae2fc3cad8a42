// SPDX-License-Identifier: Apache-2.0

package dissect

import "github.com/weirnet/weir/internal/wire/ber"

// SNMP v1 (RFC 1157 §4), v2c (RFC 1901 §3) and v3 (RFC 3412 §6).
var _ = register(Protocol{
	Name:      "snmp",
	Spec:      "RFC 1157 §4; RFC 1901 §3; RFC 3412 §6; RFC 3416 §3",
	Category:  "network",
	Over:      UDP | TCP, // TCP: RFC 3430
	Ports:     []uint16{161, 162},
	Start:     Of(ber.Sequence),
	MinLength: 16,
	Inspect:   inspectSNMP,
})

// snmpPDUs are the protocol data units by their tag's number, RFC 1157 §4.1 and RFC 3416 §3.
var snmpPDUs = [...]string{"get", "get-next", "response", "set", "trap-v1", "get-bulk", "inform", "trap", "report"}

func inspectSNMP(c *Conversation, r *Result) Verdict {
	b := c.First()
	message, whole, ok := ber.Enter(b, ber.Sequence)
	if !ok {
		return No
	}
	if !whole && c.Transport == TCP && len(b) < MaxStream && !c.Last {
		return NeedMore
	}
	version, rest, ok := ber.ExpectInt(message)
	if !ok {
		return No
	}
	o := r.Object("snmp")
	switch version {
	case 0, 1:
		return snmpCommunity(o, rest, version)
	case 3:
		return snmpV3(o, rest)
	}
	return No
}

// snmpCommunity reads what follows the version in v1 and v2c: community, then a PDU that begins with the request's
// identifier and two small numbers, or, in a v1 trap, with the enterprise and the agent's address.
func snmpCommunity(o *Object, b []byte, version int64) Verdict {
	community, rest, ok := ber.Expect(b, ber.OctetString)
	if !ok {
		return No
	}
	tag, at, _, ok := ber.Header(rest)
	kind := int(tag &^ 0xe0)
	if !ok || tag&0xe0 != 0xa0 || kind >= len(snmpPDUs) || at > len(rest) {
		return No
	}
	pdu := rest[at:]
	if kind == 4 {
		if _, _, ok := ber.Expect(pdu, ber.ObjectID); !ok || version != 0 {
			return No
		}
	} else {
		for range 3 { // request-id, error-status or non-repeaters, error-index or max-repetitions
			if _, pdu, ok = ber.ExpectInt(pdu); !ok {
				return No
			}
		}
		if _, _, ok := ber.Enter(pdu, ber.Sequence); !ok {
			return No
		}
	}
	o.String("version", [2]string{"1", "2c"}[version])
	o.Text("community", community)
	o.String("pdu", snmpPDUs[kind])
	return Yes
}

// snmpV3 reads the header data: identifier, maximum size, flags, security model; then the security parameters, which in
// the user-based model (RFC 3414 §2.4) name engine and user.
func snmpV3(o *Object, b []byte) Verdict {
	const userBased = 3
	header, rest, ok := ber.Expect(b, ber.Sequence)
	if !ok {
		return No
	}
	_, header, ok1 := ber.ExpectInt(header)
	size, header, ok2 := ber.ExpectInt(header)
	flags, header, ok3 := ber.Expect(header, ber.OctetString)
	model, header, ok4 := ber.ExpectInt(header)
	parameters, _, ok5 := ber.Expect(rest, ber.OctetString)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || size < 484 || len(flags) != 1 || flags[0] > 7 || len(header) != 0 || model < 1 {
		return No // RFC 3412 §6.2: no engine takes less than 484 bytes
	}
	o.String("version", "3")
	o.Bool("encrypted", flags[0]&2 != 0)
	if model != userBased {
		return Yes
	}
	fields, _, ok := ber.Expect(parameters, ber.Sequence)
	engine, fields, ok1 := ber.Expect(fields, ber.OctetString)
	_, fields, ok2 = ber.ExpectInt(fields)
	_, fields, ok3 = ber.ExpectInt(fields)
	user, _, ok4 := ber.Expect(fields, ber.OctetString)
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return No
	}
	o.Hex("engine_id", engine)
	o.Text("user", user)
	return Yes
}

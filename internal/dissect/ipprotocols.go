// SPDX-License-Identifier: Apache-2.0

package dissect

// Protocols that sit on IP itself and of which the record needs little: each is checked by the version, type and length
// that its own header has. The IP protocol number alone is a claim of the sender.
var _ = []*Protocol{
	onIP("egp", "RFC 904 appendix A", "routing", 8, checkEGP),
	onIP("eigrp", "RFC 7868 §6", "routing", 88, checkEIGRP),
	onIP("rsvp", "RFC 2205 §3.1", "network", 46, checkRSVP),
	onIP("pim", "RFC 7761 §4.9; RFC 3973", "routing", 103, checkPIM),
	onIP("ospf", "RFC 2328 §A.3; RFC 5340 §A.3", "routing", 89, checkOSPF),
	onIP("gre", "RFC 2784 §2; RFC 2890; RFC 2637 §4.1", "vpn", 47, checkGRE),
	onIP("esp", "RFC 4303 §2", "vpn", 50, checkESP),
	onIP("ah", "RFC 4302 §2", "vpn", 51, checkAH),
	onIP("ipip", "RFC 2003", "vpn", 4, checkIPv4),
	onIP("6in4", "RFC 4213", "vpn", 41, checkIPv6),
	onIP("pgm", "RFC 3208 §8", "network", 113, checkPGM),
	onIP("l2tp", "RFC 3931 §4.1.1", "vpn", 115, checkL2TPv3), // by its control messages: data ones have no form
}

// onIP registers a protocol that one function of the first message decides.
func onIP(name, spec, category string, number uint8, check func(d *Datagram, r *Result) bool) *Protocol {
	return register(Protocol{
		Name: name, Spec: spec, Category: category, Over: IP, IPProtocols: []uint8{number},
		Inspect: func(c *Conversation, r *Result) Verdict {
			if check(&c.Datagrams[0], r) {
				return Yes
			}
			return No
		},
	})
}

// checkEGP: version 2; type acquisition, neighbor reachability, update, poll or error.
func checkEGP(d *Datagram, _ *Result) bool {
	b := d.Payload
	return len(b) >= 10 && b[0] == 2 && (b[1] >= 1 && b[1] <= 3 || b[1] == 5 || b[1] == 8)
}

// checkEIGRP: version 2; opcode update to SIA-reply; fixed header of 20 bytes.
func checkEIGRP(d *Datagram, r *Result) bool {
	b := d.Payload
	if len(b) < 20 || b[0] != 2 || b[1] == 0 || b[1] > 11 {
		return false
	}
	o := r.Object("eigrp")
	o.Int("opcode", int64(b[1]))
	o.Int("autonomous_system", int64(be16(b[18:])))
	return true
}

// checkRSVP: version 1, a message type of IANA's registry, and the length.
func checkRSVP(d *Datagram, r *Result) bool {
	const header, lastType = 8, 30
	b := d.Payload
	if len(b) < header || b[0]>>4 != 1 || b[1] == 0 || b[1] > lastType || be16(b[6:]) > d.Length || be16(b[6:]) < header || be16(b[6:])%4 != 0 {
		return false
	}
	r.Object("rsvp").Int("type", int64(b[1]))
	return true
}

// checkPIM: version 2, type below 13 (RFC 8736), the rest of the first byte and the reserved one.
func checkPIM(d *Datagram, r *Result) bool {
	b := d.Payload
	if len(b) < 4 || b[0]>>4 != 2 || b[0]&15 > 13 {
		return false
	}
	o := r.Object("pim")
	o.Int("version", 2)
	o.String("message", pimTypes[b[0]&15])
	return true
}

// pimTypes are the message types, RFC 7761 §4.9 and IANA's registry.
var pimTypes = [16]string{
	"hello", "register", "register-stop", "join-prune", "bootstrap", "assert", "graft", "graft-ack",
	"candidate-rp-advertisement", "state-refresh", "df-election",
}

// checkOSPF: version 2 or 3, type hello to link state acknowledgment, and a length that the packet has room for.
func checkOSPF(d *Datagram, r *Result) bool {
	b := d.Payload
	header := 24
	if len(b) > 0 && b[0] == 3 {
		header = 16
	}
	if len(b) < header || b[0] != 2 && b[0] != 3 || b[1] == 0 || b[1] > 5 || be16(b[2:]) < header || be16(b[2:]) > d.Length {
		return false
	}
	o := r.Object("ospf")
	o.Int("version", int64(b[0]))
	o.String("message", ospfTypes[b[1]])
	var text [15]byte
	o.Text("router_id", appendDotted(text[:0], b[4:8]))
	o.Text("area", appendDotted(text[:0], b[8:12]))
	return true
}

var ospfTypes = [...]string{1: "hello", 2: "database-description", 3: "link-state-request", 4: "link-state-update", 5: "link-state-acknowledgment"}

// checkGRE: version 0 without the bits for which a receiver discards it (RFC 2784 §2.3; the routing bit is RFC 1701's), or version 1 of PPTP with protocol type PPP.
func checkGRE(d *Datagram, r *Result) bool {
	b := d.Payload
	if len(b) < 4 {
		return false
	}
	const discarded = 0x0c
	protocol := be16(b[2:])
	switch b[1] & 7 {
	case 0:
		if b[0]&discarded != 0 {
			return false
		}
	case 1:
		if protocol != 0x880b {
			return false
		}
	default:
		return false
	}
	r.Object("gre").Int("protocol_type", int64(protocol))
	return true
}

// checkESP: a security parameters index that is not reserved (RFC 4303 §2.1) and a sequence number.
func checkESP(d *Datagram, r *Result) bool {
	b := d.Payload
	if len(b) < 8 || ube32(b) < 256 {
		return false
	}
	r.Object("esp").Hex("spi", b[:4])
	return true
}

// checkAH: a length in words that holds the fixed part and fits. The reserved field is to be ignored (§2.3).
func checkAH(d *Datagram, r *Result) bool {
	b := d.Payload
	if len(b) < 12 || b[1] < 1 || 4*(int(b[1])+2) > d.Length || ube32(b[4:]) < 256 {
		return false
	}
	r.Object("ah").Hex("spi", b[4:8])
	return true
}

func checkIPv4(d *Datagram, _ *Result) bool {
	b := d.Payload
	return len(b) >= 20 && b[0]>>4 == 4 && b[0]&15 >= 5 || len(b) >= 40 && b[0]>>4 == 6
}

func checkIPv6(d *Datagram, _ *Result) bool { return len(d.Payload) >= 40 && d.Payload[0]>>4 == 6 }

// checkPGM: a type of RFC 3208 §8 and the length of what it carries.
func checkPGM(d *Datagram, _ *Result) bool {
	const header = 16
	b := d.Payload
	if len(b) < header || header+be16(b[14:]) > d.Length {
		return false
	}
	switch b[4] & 0x3f {
	case 0x00, 0x01, 0x02, 0x04, 0x05, 0x08, 0x09, 0x0a, 0x0d:
		return b[4]&0xc0 == 0
	}
	return false
}

// checkL2TPv3: session 0, then a control message of version 3 with its length.
func checkL2TPv3(d *Datagram, _ *Result) bool {
	const control = 16
	b := d.Payload
	return len(b) >= control && be32(b) == 0 && b[4]&0x80 != 0 && b[5]&15 == 3 && be16(b[6:]) == d.Length-4
}

// appendDotted appends four bytes as decimal numbers with dots between.
func appendDotted(dst, b []byte) []byte {
	for i, n := range b {
		if i > 0 {
			dst = append(dst, '.')
		}
		if n >= 100 {
			dst = append(dst, '0'+n/100)
		}
		if n >= 10 {
			dst = append(dst, '0'+n/10%10)
		}
		dst = append(dst, '0'+n%10)
	}
	return dst
}

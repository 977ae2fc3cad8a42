// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ntp: versions 1 to 4 (RFC 5905 §7.3), control messages (RFC 9327) and ntpd's private ones (mode 7).
var ntpProtocol = &dissect.Protocol{
	Name: "ntp", Spec: "RFC 5905 §7.3; RFC 9327 §2", Category: "network",
	Members: []string{"ntp.mode", "ntp.monlist", "ntp.reference", "ntp.request_code", "ntp.stratum", "ntp.version"},
	Over:    dissect.UDP, Ports: []uint16{123}, Inspect: inspectNTP,
}

// ntpModes names the association modes, RFC 5905 figure 10.
var ntpModes = [8]string{1: "symmetric-active", 2: "symmetric-passive", 3: "client", 4: "server", 5: "broadcast",
	6: "control", 7: "private"}

func inspectNTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < 8 {
		return dissect.No
	}
	version, mode := b[0]>>3&7, b[0]&7
	if version == 0 || version > 4 || mode == 0 && version > 1 {
		return dissect.No
	}
	o := r.Object("ntp")
	o.Int("version", int64(version))
	o.String("mode", ntpModes[mode])
	switch mode {
	case 6, 7: // not in version 1
		if version == 1 {
			return dissect.No
		}
		if mode == 6 {
			return ntpControl(d)
		}
		return ntpPrivate(d, o)
	}
	return ntpTime(d, o)
}

// ntpTime checks a time message: 48 bytes, then extension fields or a message authentication code, in words of four.
func ntpTime(d *dissect.Datagram, o *dissect.Object) dissect.Verdict {
	// Clients that reveal little send the precision unsaid
	const header, maxStratum, maxPoll, reference, unsaid = 48, 16, 17, 12, 0x20
	b := d.Payload
	if len(b) < header || !ntpTrailer(b[header:], d.Length-header) {
		return dissect.No
	}
	stratum, poll, precision := b[1], int8(b[2]), int8(b[3])
	if stratum > maxStratum || poll < -6 || poll > maxPoll || precision > 8 && b[3] != unsaid || precision < -64 {
		return dissect.No
	}
	if delay, dispersion := be16(b[4:]), be16(b[8:]); delay > 0x40 && delay < 0xffc0 || dispersion > 0x100 {
		return dissect.No // root delay and dispersion in seconds: a real clock has at most a few
	}
	if mode := b[0] & 7; mode == 3 {
		return dissect.Yes
	}
	if transmit := b[40:44]; be32(transmit) == 0 {
		return dissect.No
	}
	o.Int("stratum", int64(stratum))
	if stratum == 1 && isPrintable(b[reference:reference+3]) {
		text := b[reference : reference+4]
		for len(text) > 0 && text[len(text)-1] == 0 {
			text = text[:len(text)-1]
		}
		o.Text("reference", text)
	}
	return dissect.Yes
}

// ntpTrailer checks the length after the header: an authentication code (key identifier, then an optional digest: RFC
// 5905 §7.3, §9.2), or extension fields with their own length (RFC 7822 §3).
func ntpTrailer(b []byte, length int) bool {
	const fieldHeader, shortest = 4, 16
	switch length {
	case 0, 4, 4 + 16, 4 + 20:
		return true
	}
	return length%4 == 0 && len(b) >= fieldHeader && be16(b[2:]) >= shortest && be16(b[2:])%4 == 0 &&
		be16(b[2:]) <= length
}

// ntpControl checks a control message: its count of data bytes, which padding extends to words of four, and an optional
// authenticator.
func ntpControl(d *dissect.Datagram) dissect.Verdict {
	const header, response, unsetTrap, authenticated = 12, 0x80, 31, 24
	b := d.Payload
	if len(b) < header { // the leap bits mean nothing here, and ntpq sets them
		return dissect.No
	}
	if operation := b[1] & 0x1f; operation > 12 && operation != unsetTrap || b[1]&response == 0 && b[1]>>5 != 0 {
		return dissect.No // a request has neither error nor more bit
	}
	switch rest := d.Length - header - be16(b[10:]); {
	case rest < 0, rest > 3 && rest < 4+16, rest > 3+authenticated:
		return dissect.No
	case rest <= 3:
		return verdictIf(d.Length%4 == 0 && isZero(b[min(len(b), header+be16(b[10:])):]) || rest == 0)
	}
	return dissect.Yes
}

// ntpPrivate checks a message of ntpdc: implementation 0, 2 or 3, and items that fit the length (layout of
// ntp_request.h as described in US-CERT TA14-013A).
func ntpPrivate(d *dissect.Datagram, o *dissect.Object) dissect.Verdict {
	const header, monlist, monlistOld = 8, 42, 20
	b := d.Payload
	if len(b) < header || b[2] != 0 && b[2] != 2 && b[2] != 3 {
		return dissect.No
	}
	items, size := be16(b[4:])&0xfff, be16(b[6:])&0xfff
	response, authenticated := b[0]&0x80 != 0, b[1]&0x80 != 0
	if b[6]>>4 != 0 || header+items*size > d.Length || !response && b[4]>>4 != 0 || b[3] > 45 {
		return dissect.No // reserved, or an error in a request
	}
	rest := b[min(len(b), header+items*size):]
	switch {
	case response:
		return verdictIf(len(rest) == 0)
	case authenticated && (len(rest) < 4+16 || d.Length%4 != 0), !authenticated && !isZero(rest): // requests are padded
		return dissect.No
	}
	o.Int("request_code", int64(b[3]))
	if b[3] == monlist || b[3] == monlistOld {
		o.Bool("monlist", true)
	}
	return dissect.Yes
}

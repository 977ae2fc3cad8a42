// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// tds: Microsoft SQL Server's Tabular Data Stream, by its PRELOGIN exchange, by LOGIN7, or by a request in mid-session.
// TLS travels inside PRELOGIN packets after the first two.
var tdsProtocol = &dissect.Protocol{
	Name:      "tds",
	Spec:      "[MS-TDS] §2.2.3, §2.2.5.3, §2.2.6.4, §2.2.6.5",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{1433},
	Start:     dissect.BytesOf(tdsBatch, tdsRPC, tdsTransaction, tdsPrelogin, tdsLogin7),
	MinLength: tdsHeader,
	Members: []string{"tds.application_name", "tds.client_host", "tds.client_version", "tds.server_version",
		"tds.user"},
	Inspect: inspectTDS,
}

const (
	tdsHeader      = 8 // type, status, length (big endian), server process, packet number, window
	tdsBatch       = 0x01
	tdsRPC         = 0x03
	tdsResponse    = 0x04
	tdsTransaction = 0x0e
	tdsPrelogin    = 0x12
	tdsLogin7      = 0x10
	tdsOptions     = 16 // nine are defined
	tdsTerminator  = 0xff
	tdsLoginFixed  = 94 // LOGIN7 with its table of offsets
)

func inspectTDS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if len(toServer) == 0 || toServer[0] == tdsResponse {
		toServer, toClient = toClient, toServer
	}
	if len(toServer) < tdsHeader {
		return dissect.NeedMore
	}
	// Only the status field's known bits count, and the window is reserved (§2.2.3.1.2, §2.2.3.1.6)
	length := be16(toServer[2:])
	if length <= tdsHeader {
		return dissect.No
	}
	body := toServer[tdsHeader:min(length, len(toServer))]
	if kind := toServer[0]; kind == tdsBatch || kind == tdsRPC || kind == tdsTransaction {
		return tdsSession(kind, length, body, toClient)
	}
	if len(toServer) < length {
		if toServer[0] == tdsLogin7 && tdsIsLogin(body) {
			return dissect.YesMore
		}
		return dissect.NeedMore
	}
	switch toServer[0] {
	case tdsLogin7:
		if !tdsIsLogin(body) {
			return dissect.No
		}
		return tdsLogin(body, r.Object("tds"))
	case tdsPrelogin:
		version, ok := tdsVersion(body)
		if !ok {
			return dissect.No
		}
		o := r.Object("tds")
		tdsPutVersion(o, "client_version", version)
		if len(toClient) == 0 {
			return dissect.YesMore
		}
		if len(toClient) > tdsHeader && toClient[0] == tdsResponse {
			if version, ok = tdsVersion(
				toClient[tdsHeader:min(len(toClient), max(tdsHeader, be16(toClient[2:])))]); ok {
				tdsPutVersion(o, "server_version", version)
			}
		}
		if rest := toServer[length:]; len(rest) > tdsHeader && rest[0] == tdsLogin7 && tdsIsLogin(rest[tdsHeader:]) {
			return tdsLogin(rest[tdsHeader:], o)
		} else if len(rest) > 0 {
			return dissect.Yes
		}
		return dissect.YesMore
	}
	return dissect.No
}

// tdsSession decides by a request in mid-session: since version 7.2 it begins with headers, one of which describes the
// transaction; before, it is a UTF-16 text or a procedure's name or number, and needs an answer as evidence.
func tdsSession(kind byte, length int, body, toClient []byte) dissect.Verdict {
	const shortest, longest, maxNumber, maxName = 4 + 18, 1024, 15, 128
	if len(body) < 4 {
		return moreIf(length-tdsHeader >= 4)
	}
	if total := le32(body); total >= shortest && total <= min(longest, length-tdsHeader) {
		if len(body) < total {
			return dissect.NeedMore
		}
		if tdsHasTransaction(body[:total]) {
			return dissect.Yes
		}
	}
	if kind == tdsTransaction {
		return dissect.No
	}
	if kind == tdsRPC {
		name := le16(body)
		if name == 0xffff && (le16(body[2:]) == 0 || le16(body[2:]) > maxNumber) || name != 0xffff &&
			(name == 0 || name > maxName) {
			return dissect.No
		}
		if body = body[2:]; name == 0xffff {
			body = nil
		}
	}
	if !tdsIsText(body) {
		return dissect.No
	}
	if len(toClient) <= tdsHeader {
		return dissect.NeedMore
	}
	return verdictIf(tdsIsResponse(toClient))
}

// tdsHasTransaction walks the headers that fill b (§2.2.5.3): their total length, then each header's length, type and
// data.
func tdsHasTransaction(b []byte) bool {
	const transaction, size, smallest, maxHeaders = 2, 4 + 2 + 8 + 4, 4 + 2, 8
	found, at := false, 4
	for range maxHeaders {
		if at+smallest > len(b) {
			break
		}
		length := le32(b[at:])
		if length < smallest || length > len(b)-at {
			return false
		}
		found = found || le16(b[at+4:]) == transaction && length == size
		at += length
	}
	return found && at == len(b)
}

// tdsIsText reports whether b begins like Latin text in UTF-16, as statements do.
func tdsIsText(b []byte) bool {
	const looked = 16
	for i, c := range b[:min(len(b), looked)] {
		if i&1 == 1 && c != 0 || i&1 == 0 && (c >= 0x7f || c < ' ' && c != '\t' && c != '\r' && c != '\n') {
			return false
		}
	}
	return true
}

// tdsIsResponse checks a response packet by its length and first token (§2.2.4).
func tdsIsResponse(b []byte) bool {
	if b[0] != tdsResponse || be16(b[2:]) <= tdsHeader {
		return false
	}
	switch b[tdsHeader] {
	case 0x79, 0x81, 0xa4, 0xa5, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xd1, 0xd2, 0xe3, 0xe4, 0xed, 0xee, 0xfd, 0xfe, 0xff:
		return true
	}
	return false
}

// tdsVersion reads a PRELOGIN's options: token, offset and length of each, up to a terminator. VERSION comes first and
// has six bytes; all options lie after the table and inside the packet.
func tdsVersion(b []byte) (version []byte, ok bool) {
	end := 0
	for i := range tdsOptions {
		at := 5 * i
		if at >= len(b) {
			return nil, false
		}
		if b[at] == tdsTerminator {
			return version, version != nil && end <= len(b)
		}
		if at+5 > len(b) {
			return nil, false
		}
		offset, length := be16(b[at+1:]), be16(b[at+3:])
		if b[at] > tdsOptions || offset < 6 || offset+length > len(b) {
			return nil, false
		}
		if i == 0 {
			if b[at] != 0 || length != 6 {
				return nil, false
			}
			version = b[offset : offset+4]
		}
		end = max(end, offset+length)
	}
	return nil, false
}

// tdsPutVersion writes major.minor.build.
func tdsPutVersion(o *dissect.Object, name string, v []byte) {
	var text [16]byte
	b := appendDecimal(text[:0], int(v[0]))
	b = appendDecimal(append(b, '.'), int(v[1]))
	b = appendDecimal(append(b, '.'), be16(v[2:]))
	o.Text(name, b)
}

// tdsIsLogin reports whether b begins with LOGIN7's length and a version from 7.0 to 7.4.
func tdsIsLogin(b []byte) bool {
	if len(b) < tdsLoginFixed || le32(b) < tdsLoginFixed || le32(b) > 1<<17 {
		return false
	}
	switch ule32(b[4:]) {
	case 0x70000000, 0x71000000, 0x71000001, 0x72090002, 0x730a0003, 0x730b0003, 0x74000004:
		return true
	}
	return false
}

// tdsLogin writes LOGIN7's names: an offset from its start and a length in UTF-16 units each, from byte 36 on.
func tdsLogin(b []byte, o *dissect.Object) dissect.Verdict {
	for _, f := range [...]struct {
		name string
		at   int
	}{{"client_host", 36}, {"user", 40}, {"application_name", 48}, {"server", 52}, {"library", 60}, {"database", 68}} {
		offset, length := le16(b[f.at:]), 2*le16(b[f.at+2:])
		if offset < tdsLoginFixed-8 || offset+length > len(b) {
			continue
		}
		var text [dissect.MaxText]byte
		o.Text(f.name, narrowUTF16(text[:0], b[offset:offset+length]))
	}
	return dissect.Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// bittorrentMembers are those of all protocols of BitTorrent.
var bittorrentMembers = []string{"bittorrent.client", "bittorrent.info_hash", "bittorrent.message",
	"bittorrent.query"}

// bittorrent: the peer wire protocol's handshake over TCP and uTP's over UDP, the distributed hash table, trackers over
// UDP, and local service discovery.
var bittorrentProtocol = &dissect.Protocol{
	Name: "bittorrent", Spec: "BEP 3; BEP 20", Category: "file-sharing",
	Over: dissect.TCP, Ports: []uint16{6881}, Start: dissect.FirstBytes(bittorrentHandshake),
	MinLength: len(bittorrentHandshake),
	Members:   bittorrentMembers,
	Inspect:   inspectBittorrent,
}

var bittorrentDatagramProtocol = &dissect.Protocol{
	Name: "bittorrent", Spec: "BEP 5; BEP 14; BEP 15", Category: "file-sharing",
	Over: dissect.UDP, Ports: []uint16{6771, 6881}, Start: dissect.FirstBytes("d", "\x00", "B"), MinLength: 16,
	Members: bittorrentMembers,
	Inspect: inspectBittorrentDatagram,
}

// uTP's header has no magic number, so its fields must agree (BEP 29).
var utpProtocol = &dissect.Protocol{
	Name: "bittorrent", Spec: "BEP 29", Category: "file-sharing",
	Over: dissect.UDP, Start: dissect.BytesOf(0x01, 0x11, 0x21, 0x31, 0x41), MinLength: utpHeader, Heuristic: true,
	Members: bittorrentMembers,
	Inspect: inspectUTP,
}

const (
	bittorrentHandshake = "\x13BitTorrent protocol"
	bittorrentDiscovery = "BT-SEARCH * HTTP/1.1\r\n"
	// bittorrentTracker begins a tracker's connection request: 0x41727101980 in 8 bytes, and action 0 (BEP 15).
	bittorrentTracker = "\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00"
	// bittorrentHash is the length of an info hash, of a node's and of a peer's identifier (SHA-1), in bytes.
	bittorrentHash = 20
)

func inspectBittorrent(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.First(), c.Second()} {
		if hasPrefix(b, bittorrentHandshake) {
			return describeBittorrent(b, r)
		}
	}
	return dissect.No
}

// describeBittorrent reads a handshake: 8 bytes of options, info hash, peer identifier.
func describeBittorrent(b []byte, r *dissect.Result) dissect.Verdict {
	const hash = len(bittorrentHandshake) + 8
	const peer = hash + bittorrentHash
	if len(b) >= peer {
		o := r.Object("bittorrent")
		o.Hex("info_hash", b[hash:peer])
		if len(b) >= peer+bittorrentHash {
			describePeer(o, b[peer:])
			return dissect.Yes
		}
	}
	return dissect.YesMore
}

// describePeer writes the client from a peer identifier in Azureus' style: "-UT3550-" and twelve more bytes (BEP 20).
func describePeer(o *dissect.Object, id []byte) {
	if id[0] == '-' && id[7] == '-' && isPrintable(id[1:7]) {
		o.Text("client", id[1:7])
	}
}

func inspectBittorrentDatagram(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	b := d.Payload
	switch {
	case hasPrefix(b, bittorrentTracker):
		r.Object("bittorrent").String("message", "tracker")
		return dissect.Yes
	case hasPrefix(b, bittorrentDiscovery):
		return describeDiscovery(b, r)
	case len(b) > 0 && b[0] == 'd':
		return describeDHT(b, d.Length > len(b), r)
	}
	return dissect.No
}

// describeDiscovery reads the lines of a local service announcement, which has a port and at least one info hash (BEP
// 14).
func describeDiscovery(b []byte, r *dissect.Result) dissect.Verdict {
	var hash []byte
	port := false
	for n := 0; n < maxLines && len(b) > 0; n++ {
		var line []byte
		line, b, _ = cutLine(b)
		port = port || hasPrefixFold(line, "PORT: ")
		if hasPrefixFold(line, "INFOHASH: ") && len(line) == len("Infohash: ")+2*bittorrentHash {
			hash = line[len("Infohash: "):]
		}
	}
	if !port || hash == nil {
		return dissect.No
	}
	o := r.Object("bittorrent")
	o.String("message", "discovery")
	o.Text("info_hash", hash)
	return dissect.Yes
}

// dhtMessage is the content of a DHT message's dictionary.
type dhtMessage struct {
	kind, query, transaction, version []byte
	id, infoHash                      []byte
}

// describeDHT checks a KRPC message: one complete dictionary with the kind of message ("y"), its transaction ("t"), and
// a query's or answer's node identifier, or an error's list.
func describeDHT(b []byte, cut bool, r *dissect.Result) dissect.Verdict {
	var m dhtMessage
	whole, ok := m.parse(b)
	if !ok || !whole && !cut {
		return dissect.No
	}
	if whole && (len(m.kind) != 1 || len(m.transaction) == 0) {
		return dissect.No
	}
	o := r.Object("bittorrent")
	switch {
	case len(m.id) == bittorrentHash && (!whole || m.kind[0] == 'q' || m.kind[0] == 'r'):
	case whole && m.kind[0] == 'e' && hasPrefix(b, "d1:eli20") || whole && m.kind[0] == 'q' && len(m.query) >= 4 &&
		m.id != nil:
	default:
		return dissect.No
	}
	o.String("message", "dht")
	if isPrintable(m.query) {
		o.Text("query", m.query)
	}
	if len(m.infoHash) == bittorrentHash {
		o.Hex("info_hash", m.infoHash)
	}
	if len(m.version) == 4 && isPrintable(m.version[:2]) {
		o.Text("client", m.version[:2])
	}
	return dissect.Yes
}

// parse walks a bencoded dictionary (BEP 3). It keeps keys of the first two levels only: no message needs more. whole
// reports whether the dictionary ends where b ends, ok whether it is well-formed.
func (m *dhtMessage) parse(b []byte) (whole, ok bool) {
	var keys [3][]byte
	depth := 0
	for i := 0; i < len(b); {
		var text []byte
		switch c := b[i]; {
		case c == 'd' || c == 'l':
			depth++
			if depth < len(keys) {
				keys[depth] = nil
			}
			i++
			continue
		case c == 'e':
			if depth--; depth == 0 {
				return i+1 == len(b), i+1 == len(b)
			}
			i++
		case c == 'i':
			end := bytes.IndexByte(b[i:min(len(b), i+22)], 'e') // "i", a sign, 19 digits, "e"
			if end < 2 {
				return false, len(b)-i < 22
			}
			i += end + 1
		default:
			length, size := bencodedLength(b[i:])
			if size == 0 {
				return false, len(b)-i < 5 && c >= '0' && c <= '9'
			}
			if i += size; length > len(b)-i {
				return false, true
			}
			text = b[i : i+length]
			i += length
		}
		if depth < 1 {
			return false, false
		}
		if depth >= len(keys) {
			continue
		}
		if keys[depth] == nil {
			keys[depth] = text
			continue
		}
		m.keep(&keys, depth, text)
		keys[depth] = nil
	}
	return false, true
}

// bencodedLength reads a string's length, "20:", and returns how many bytes that takes; 0 if b has none.
func bencodedLength(b []byte) (length, size int) {
	for i := range min(len(b), 5) { // no datagram holds 10,000 bytes in one string
		c := b[i]
		switch {
		case c == ':' && i > 0:
			return length, i + 1
		case c < '0' || c > '9':
			return 0, 0
		}
		length = length*10 + int(c-'0')
	}
	return 0, 0
}

func (m *dhtMessage) keep(keys *[3][]byte, depth int, value []byte) {
	if depth == 1 {
		switch string(keys[1]) {
		case "y":
			m.kind = value
		case "q":
			m.query = value
		case "t":
			m.transaction = value
		case "v":
			m.version = value
		}
		return
	}
	if outer := string(keys[1]); outer != "a" && outer != "r" {
		return
	}
	switch string(keys[2]) {
	case "id":
		m.id = value
	case "info_hash":
		m.infoHash = value
	}
}

// utpHeader is the length of uTP's header in bytes: type and version, extension, connection, time, time difference,
// window, and the sequence numbers sent and acknowledged.
const utpHeader = 20

// uTP types, in the upper half of the first byte; the lower half is the version, 1.
const (
	utpData = 0x01
	utpSYN  = 0x41
)

// inspectUTP accepts a first datagram that opens a connection; otherwise it wants four matching datagrams from both
// sides.
func inspectUTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	first, newest := &c.Datagrams[0], c.Newest()
	if !isUTP(newest) || !isUTP(first) {
		return dissect.No
	}
	b := first.Payload
	if b[0] == utpSYN {
		if be32(b[8:]) != 0 || be16(b[18:]) != 0 || be32(b[4:]) == 0 || be32(b[12:]) == 0 {
			return dissect.No
		}
		return dissect.Yes // before the first answer: no time difference, no acknowledgement, a bare header
	}
	if newest.FromClient == first.FromClient {
		return dissect.NeedMore
	}
	if behind := uint16(be16(b[16:]) - be16(newest.Payload[18:]) + utpInFlight); behind > 2*utpInFlight {
		return dissect.No
	}
	if !utpConnected(c) {
		return dissect.No
	}
	if len(c.Datagrams) < 4 {
		return dissect.NeedMore
	}
	if len(newest.Payload) > utpHeader+len(bittorrentHandshake) && hasPrefix(newest.Payload[utpHeader:],
		bittorrentHandshake) {
		return describeBittorrent(newest.Payload[utpHeader:], r)
	}
	return dissect.Yes
}

// utpConnected reports whether all datagrams belong to one connection: each side sends its own identifier, and the two
// are consecutive.
func utpConnected(c *dissect.Conversation) bool {
	connection := uint16(be16(c.Datagrams[0].Payload[2:]))
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if !isUTP(d) {
			return false
		}
		other := uint16(be16(d.Payload[2:]))
		if d.FromClient == c.Datagrams[0].FromClient {
			if other != connection {
				return false
			}
		} else if other != connection+1 && connection != other+1 {
			return false
		}
	}
	return true
}

// utpInFlight bounds the distance between one side's acknowledgement and the other's sequence number: packets in
// flight.
const utpInFlight = 64

// isUTP checks a header by itself: version, extensions that fit, and a payload only if the type has one.
func isUTP(d *dissect.Datagram) bool {
	b := d.Payload
	if len(b) < utpHeader || b[0]&0x0f != 1 || b[0] > utpSYN {
		return false
	}
	kind, at := b[1], utpHeader
	for n := 0; kind != 0; n++ {
		if n == 3 || kind > 3 || len(b) < at+2 || b[at+1] == 0 || b[at+1]%4 != 0 && kind == 1 {
			return false // selective acknowledgement, extension bits, close reason: none may repeat
		}
		kind, at = b[at], at+2+int(b[at+1])
	}
	if b[0] == utpData {
		return d.Length > at
	}
	return d.Length == at
}

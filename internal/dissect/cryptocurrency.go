// SPDX-License-Identifier: Apache-2.0

package dissect

// The peer-to-peer protocols of crypto currencies. Each but Ethereum's begins its messages with a magic number.
var (
	_ = register(Protocol{
		Name: "bitcoin", Spec: "Bitcoin developer reference: P2P network, message headers", Category: "crypto-currency",
		Over: TCP, Ports: []uint16{8333, 18333, 38333}, Start: Firsts(bitcoinMagics...), MinLength: bitcoinHeader, Inspect: inspectBitcoin,
	})
	_ = register(Protocol{
		Name: "monero", Spec: "Monero: Levin protocol", Category: "crypto-currency",
		Over: TCP, Ports: []uint16{18080}, Start: Firsts(levinMagic), MinLength: levinHeader, Inspect: inspectLevin,
	})
	_ = register(Protocol{
		Name: "nano", Spec: "Nano protocol specification: message header, node_id_handshake", Category: "crypto-currency",
		Over: TCP, Ports: []uint16{7075}, Start: Firsts("R"), MinLength: nanoHeader, Inspect: inspectNano,
	})
	_ = register(Protocol{
		Name: "ethereum", Spec: "Ethereum Node Discovery Protocol v4; EIP-8; EIP-868", Category: "crypto-currency",
		Over: UDP, Ports: []uint16{30301, 30303}, MinLength: ethereumHeader + 3, Inspect: inspectEthereum, // a hash begins it: no Start
	})
	_ = register(Protocol{
		Name: "ethereum", Spec: "RLPx: initial handshake (EIP-8)", Category: "crypto-currency",
		Over: TCP, Ports: []uint16{30303}, Start: Of(1, 2, 3), MinLength: rlpxShortest, Heuristic: true, Inspect: inspectRLPx,
	})
)

// bitcoinMagics begin a message, by network: main, testnet 3 and 4, signet, regtest.
var bitcoinMagics = []string{"\xf9\xbe\xb4\xd9", "\x0b\x11\x09\x07", "\x1c\x16\x3f\x28", "\x0a\x03\xcf\x40", "\xfa\xbf\xb5\xda"}

// bitcoinHeader: magic number, command, padded with zeros to 12 bytes, length, checksum.
const bitcoinHeader = 4 + 12 + 4 + 4

func inspectBitcoin(c *Conversation, r *Result) Verdict {
	const maxLength = 32 << 20 // MAX_SIZE of the reference
	b := c.First()
	if !hasAnyPrefix(b, bitcoinMagics) {
		return No
	}
	if len(b) < bitcoinHeader {
		return NeedMore
	}
	command := b[4:16]
	n := 0
	for n < len(command) && (command[n] >= 'a' && command[n] <= 'z' || command[n] >= '0' && command[n] <= '9') {
		n++
	}
	if n < 2 || !isZero(command[n:]) || le32(b[16:]) > maxLength {
		return No
	}
	o := r.Object("bitcoin")
	o.Text("command", command[:n])
	const agent = bitcoinHeader + 4 + 8 + 8 + 26 + 26 + 8 // version, services, time, both addresses, nonce
	if string(command[:n]) == "version" && len(b) > agent && b[agent] < 0xfd && len(b) > agent+int(b[agent]) {
		o.Text("client", b[agent+1:agent+1+int(b[agent])])
	}
	return Yes
}

const (
	levinMagic = "\x01\x21\x01\x01\x01\x01\x01\x01"
	// levinHeader: magic number, length of the body, whether an answer is wanted, command, result, flags, version.
	levinHeader = 8 + 8 + 1 + 4 + 4 + 4 + 4
)

func inspectLevin(c *Conversation, r *Result) Verdict {
	b := c.First()
	switch {
	case !couldBe(b, levinMagic):
		return No
	case len(b) < levinHeader:
		return NeedMore
	case b[16] > 1 || le32(b[29:]) != 1:
		return No
	}
	r.Object("monero").Int("command", int64(le32(b[17:])))
	return Yes
}

// nanoHeader: "R" and the network, the protocol versions newest, used and oldest, message type, extensions.
const nanoHeader = 2 + 3 + 1 + 2

// inspectNano checks the handshake that opens a connection: a query, which is a cookie of 32 bytes, and the answer, which has at
// least a node's key and signature.
func inspectNano(c *Conversation, r *Result) Verdict {
	const handshake, query, response, cookie, signed = 0x0a, 0x01, 0x02, 32, 32 + 64
	first, second := c.First(), c.Second()
	if !isNano(first) || first[5] != handshake {
		return No
	}
	if len(first) < nanoHeader+cookie || first[6]&query != 0 && first[6]&response == 0 && len(first) != nanoHeader+cookie {
		return No
	}
	if len(second) < nanoHeader+signed {
		return NeedMore
	}
	if !isNano(second) || second[5] != handshake || second[1] != first[1] || second[6]&response == 0 {
		return No
	}
	r.Object("nano").Int("version", int64(first[3]))
	return Yes
}

// isNano checks a header: the network is "A" for tests, "B" for beta, "C" for the live one, "X" for tests of one's own.
func isNano(b []byte) bool {
	return len(b) >= nanoHeader && b[0] == 'R' && (b[1] >= 'A' && b[1] <= 'C' || b[1] == 'X') &&
		b[2] >= b[3] && b[3] >= b[4] && b[4] > 0 && b[2] < 64 && b[5] < 32
}

// ethereumHeader: hash, signature with its recovery bit, packet type.
const ethereumHeader = 32 + 65 + 1

// inspectEthereum checks that behind the header comes a list that begins as its type must. EIP-8: the version, elements that
// are too many, and what follows the list are for a receiver to ignore.
func inspectEthereum(c *Conversation, r *Result) Verdict {
	b := c.Newest().Payload
	if len(b) < ethereumHeader+3 || b[ethereumHeader-2] > 1 {
		return No
	}
	kind := b[ethereumHeader-1]
	list, body, _, ok := cutRLP(b[ethereumHeader:])
	if !ok || !list || !isEthereumBody(kind, body) {
		return No
	}
	r.Object("ethereum").Int("packet_type", int64(kind))
	return Yes
}

// isEthereumBody checks the elements of each packet type: ping has a version and both endpoints, pong an endpoint and a hash, the
// search a key, its answer a list of nodes, the request for a record nothing, and its answer a hash and the record; all but the last
// end with the time at which they expire, four bytes until the year 2106.
func isEthereumBody(kind byte, b []byte) bool {
	const ping, pong, find, neighbors, ask, record, hash, key, expires = 1, 2, 3, 4, 5, 6, 32, 64, 4
	ok := true
	take := func(list bool, size int) []byte {
		isList, content, rest, whole := cutRLP(b)
		ok = ok && whole && isList == list && (size == 0 || len(content) == size)
		b = rest
		return content
	}
	switch kind {
	case ping:
		ok = len(take(false, 0)) <= 8
		ok = ok && isEthereumEndpoint(take(true, 0)) && isEthereumEndpoint(take(true, 0))
	case pong:
		ok = isEthereumEndpoint(take(true, 0))
		take(false, hash)
	case find:
		take(false, key)
	case neighbors:
		if nodes := take(true, 0); len(nodes) > 0 {
			list, node, _, whole := cutRLP(nodes)
			ok = ok && whole && list && isEthereumEndpoint(node)
		}
	case ask:
	case record:
		take(false, hash)
		take(true, 0)
		return ok
	default:
		return false
	}
	take(false, expires)
	return ok
}

// isEthereumEndpoint checks a list's content: address, none or IPv4 or IPv6, and the ports of UDP and TCP.
func isEthereumEndpoint(b []byte) bool {
	for i, longest := range [3]int{16, 2, 2} {
		list, content, rest, ok := cutRLP(b)
		n := len(content)
		if !ok || list || n > longest || i == 0 && n != 0 && n != 4 && n != 16 {
			return false
		}
		b = rest
	}
	return true
}

// cutRLP cuts the first item of Ethereum's recursive length prefix: a byte below 0x80 is itself; else the first byte holds the kind,
// text or list, and a length up to 55, or how many bytes have the length.
func cutRLP(b []byte) (list bool, content, rest []byte, ok bool) {
	const text, lists, short = 0x80, 0xc0, 55
	if len(b) == 0 {
		return false, nil, nil, false
	}
	first := int(b[0])
	if first < text {
		return false, b[:1], b[1:], true
	}
	at, n := 1, first-text
	if first >= lists {
		list, n = true, first-lists
	}
	if n > short {
		at += n - short
		switch {
		case at == 2 && len(b) >= 2:
			n = int(b[1])
		case at == 3 && len(b) >= 3:
			n = be16(b[1:])
		default:
			return list, nil, nil, false // no datagram is longer
		}
	}
	if len(b) < at+n {
		return list, nil, nil, false
	}
	return list, b[at : at+n], b[at+n:], true
}

// rlpxShortest is the shortest handshake message: length, a public key of 65 bytes, initialization vector, the message with
// key and nonce, tag; the padding of EIP-8, 100 to 300 bytes, is not counted.
const rlpxShortest = 2 + 65 + 16 + 96 + 32

// inspectRLPx wants a message from each side that its length fills, with an uncompressed point (4) at its start. All else is
// encrypted.
func inspectRLPx(c *Conversation, _ *Result) Verdict {
	first, second := c.First(), c.Second()
	if !isRLPx(first) || len(first) != 2+be16(first) {
		return No
	}
	if len(second) < rlpxShortest {
		return NeedMore
	}
	if !isRLPx(second) || len(second) != 2+be16(second) {
		return No
	}
	return Yes
}

func isRLPx(b []byte) bool {
	const point, longest = 4, 1024
	return len(b) >= rlpxShortest && b[2] == point && be16(b) <= longest && !hasManyZeros(b[3:rlpxShortest])
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ethereum: peer discovery over UDP, and the RLPx handshake over TCP.
var (
	ethereumProtocol = &dissect.Protocol{
		Name: "ethereum", Spec: "Ethereum Node Discovery Protocol v4; EIP-8; EIP-868", Category: "crypto-currency",
		Over: dissect.UDP, Ports: []uint16{30301, 30303}, MinLength: ethereumHeader + 3,
		Members: []string{"ethereum.packet_type"},
		Inspect: inspectEthereum, // begins with a hash, so no Start
	}
	rlpxProtocol = &dissect.Protocol{
		Name: "ethereum", Spec: "RLPx: initial handshake (EIP-8)", Category: "crypto-currency",
		Over: dissect.TCP, Ports: []uint16{30303}, Start: dissect.BytesOf(1, 2, 3), MinLength: rlpxShortest,
		Heuristic: true, Inspect: inspectRLPx,
	}
)

// ethereumHeader is hash, signature with its recovery bit, packet type.
const ethereumHeader = 32 + 65 + 1

// inspectEthereum checks that the list after the header begins as its packet type must. EIP-8: receivers ignore the
// version, extra elements, and bytes after the list.
func inspectEthereum(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.Newest().Payload
	if len(b) < ethereumHeader+3 || b[ethereumHeader-2] > 1 {
		return dissect.No
	}
	kind := b[ethereumHeader-1]
	list, body, _, ok := cutRLP(b[ethereumHeader:])
	if !ok || !list || !isEthereumBody(kind, body) {
		return dissect.No
	}
	r.Object("ethereum").Int("packet_type", int64(kind))
	return dissect.Yes
}

// isEthereumBody checks the elements of each packet type: a ping has a version and both endpoints, a pong an endpoint
// and a hash, a search a key, its answer a list of nodes, a request for a record nothing, and its answer a hash and the
// record. All but the last end with their expiry time, four bytes until the year 2106.
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

// cutRLP splits the first item off b in Ethereum's Recursive Length Prefix: a byte below 0x80 is itself; any other
// first byte holds the kind, text or list, and a length up to 55, or how many bytes hold the length.
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

// rlpxShortest is the shortest handshake message: length, a 65-byte public key, initialization vector, the message with
// key and nonce, tag; it excludes the 100 to 300 padding bytes of EIP-8.
const rlpxShortest = 2 + 65 + 16 + 96 + 32

// inspectRLPx wants a message from each side that matches its length and begins with an uncompressed point (4). The
// rest is encrypted.
func inspectRLPx(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	first, second := c.First(), c.Second()
	if !isRLPx(first) || len(first) != 2+be16(first) {
		return dissect.No
	}
	if len(second) < rlpxShortest {
		return dissect.NeedMore
	}
	if !isRLPx(second) || len(second) != 2+be16(second) {
		return dissect.No
	}
	return dissect.Yes
}

func isRLPx(b []byte) bool {
	const point, longest = 4, 1024
	return len(b) >= rlpxShortest && b[2] == point && be16(b) <= longest && !hasManyZeros(b[3:rlpxShortest])
}

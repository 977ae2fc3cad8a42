// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// bitcoin: messages between peers, by the network's magic number.
var bitcoinProtocol = &dissect.Protocol{
	Name: "bitcoin", Spec: "Bitcoin developer reference: P2P network, message headers", Category: "crypto-currency",
	Over: dissect.TCP, Ports: []uint16{8333, 18333, 38333}, Start: dissect.FirstBytes(bitcoinMagics...),
	Members:   []string{"bitcoin.client", "bitcoin.command"},
	MinLength: bitcoinHeader, Inspect: inspectBitcoin,
}

// bitcoinMagics are the first bytes of a message, by network: main, testnet 3 and 4, signet, regtest.
var bitcoinMagics = []string{"\xf9\xbe\xb4\xd9", "\x0b\x11\x09\x07", "\x1c\x16\x3f\x28", "\x0a\x03\xcf\x40",
	"\xfa\xbf\xb5\xda"}

// bitcoinHeader: magic number, command, padded with zeros to 12 bytes, length, checksum.
const bitcoinHeader = 4 + 12 + 4 + 4

func inspectBitcoin(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const maxLength = 32 << 20 // MAX_SIZE of the reference implementation
	b := c.First()
	if !hasAnyPrefix(b, bitcoinMagics) {
		return dissect.No
	}
	if len(b) < bitcoinHeader {
		return dissect.NeedMore
	}
	command := b[4:16]
	n := 0
	for n < len(command) && (command[n] >= 'a' && command[n] <= 'z' || command[n] >= '0' && command[n] <= '9') {
		n++
	}
	if n < 2 || !isZero(command[n:]) || le32(b[16:]) > maxLength {
		return dissect.No
	}
	o := r.Object("bitcoin")
	o.Text("command", command[:n])
	const agent = bitcoinHeader + 4 + 8 + 8 + 26 + 26 + 8 // version, services, time, both addresses, nonce
	if string(command[:n]) == "version" && len(b) > agent && b[agent] < 0xfd && len(b) > agent+int(b[agent]) {
		o.Text("client", b[agent+1:agent+1+int(b[agent])])
	}
	return dissect.Yes
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// tftp: RFC 1350 §5 with options (RFC 2347). The server answers a request from another port, so a transfer is a
// separate flow: the request announces it; without the request, a block and its acknowledgment identify it.
var tftpProtocol = &dissect.Protocol{
	Name:      "tftp",
	Spec:      "RFC 1350 §5; RFC 2347",
	Category:  "file-transfer",
	Over:      dissect.UDP,
	Ports:     []uint16{69},
	Start:     dissect.BytesOf(0),
	MinLength: 4,
	Heuristic: true,
	Members:   []string{"tftp.filename", "tftp.mode", "tftp.operation"},
	Inspect:   inspectTFTP,
}

const (
	tftpRead = iota + 1
	tftpWrite
	tftpData
	tftpAck
	tftpError
	tftpOptionAck
)

func inspectTFTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < 4 || b[0] != 0 {
		return dissect.No
	}
	switch b[1] {
	case tftpRead, tftpWrite:
		return tftpRequest(c, b, r)
	case tftpData, tftpAck, tftpOptionAck, tftpError:
		return tftpTransfer(c)
	}
	return dissect.No
}

// tftpRequest reads file name and mode, and pairs of options, each text before a NUL.
func tftpRequest(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	name, rest, ok := bytes.Cut(b[2:], []byte{0})
	mode, rest, ok2 := bytes.Cut(rest, []byte{0})
	known := hasPrefixFold(mode, "OCTET") && len(mode) == 5 || hasPrefixFold(mode, "NETASCII") && len(mode) == 8 ||
		hasPrefixFold(mode, "MAIL") && len(mode) == 4
	if !ok || !ok2 || !known || len(name) == 0 || bytes.ContainsAny(name, "\x01\x02\x03\x04\x05\x06\x07") {
		return dissect.No
	}
	if len(rest) > 0 && (rest[len(rest)-1] != 0 || !isPrintable(rest[:1])) {
		return dissect.No
	}
	o := r.Object("tftp")
	o.String("operation", [...]string{tftpRead: "read", tftpWrite: "write"}[b[1]])
	o.Text("filename", name)
	o.Text("mode", mode)
	r.Expect(dissect.Expectation{Server: c.Client, ServerFirst: true, Over: dissect.UDP, Protocol: "tftp"})
	return dissect.Yes
}

// tftpTransfer wants a block and its acknowledgment, of exactly four bytes, from the other side; or an acknowledgment
// of options, as pairs of texts.
func tftpTransfer(c *dissect.Conversation) dissect.Verdict {
	const maxBlock = 4 + 65464 // RFC 2348
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		b := d.Payload
		if len(b) < 4 || b[0] != 0 || b[1] < tftpData || b[1] > tftpOptionAck || d.Length > maxBlock ||
			b[1] == tftpAck && d.Length != 4 {
			return dissect.No
		}
		if b[1] == tftpOptionAck && i == 0 && hasTFTPOption(b[2:]) {
			return dissect.Yes
		}
		if i == 0 {
			continue
		}
		before := &c.Datagrams[i-1]
		if before.FromClient != d.FromClient && tftpPair(before.Payload, b) {
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}

// tftpPair reports whether b acknowledges block a, or is the block that acknowledgment a requests.
func tftpPair(a, b []byte) bool {
	switch {
	case a[1] == tftpData && b[1] == tftpAck:
		return be16(a[2:]) == be16(b[2:]) && be16(b[2:]) != 0
	case a[1] == tftpAck && b[1] == tftpData:
		return (be16(a[2:])+1)&0xffff == be16(b[2:])
	}
	return false
}

// hasTFTPOption reports whether b begins with an option of RFC 2348, 2349 or 7440.
func hasTFTPOption(b []byte) bool {
	name, _, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return false
	}
	for _, option := range []string{"BLKSIZE", "TSIZE", "TIMEOUT", "WINDOWSIZE"} {
		if len(name) == len(option) && hasPrefixFold(name, option) {
			return true
		}
	}
	return false
}

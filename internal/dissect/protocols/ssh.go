// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// ssh: the identification strings (RFC 4253 §4.2) and SSH_MSG_KEXINIT (§7.1), with HASSH, the fingerprint of each
// side's algorithms.
var sshProtocol = &dissect.Protocol{
	Name:      "ssh",
	Spec:      "RFC 4253 §4.2, §7.1",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{22},
	Start:     dissect.FirstBytes("SSH-"),
	MinLength: 4,
	Members:   []string{"ssh.client_version", "ssh.hassh", "ssh.hassh_server", "ssh.server_version"},
	Inspect:   inspectSSH,
}

const (
	// sshMaxIdentification is the longest identification string, with CR LF (RFC 4253 §4.2).
	sshMaxIdentification = 255
	// sshMaxBanner bounds the lines that a server may send before its identification.
	sshMaxBanner = 2048
	// sshMaxLists bounds a fingerprint's four name-lists, in bytes: OpenSSH offers about 600.
	sshMaxLists = 4096
)

func inspectSSH(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, toServer, clientOK := sshIdentification(c.ToServer())
	server, toClient, serverOK := sshIdentification(c.ToClient())
	if !clientOK || !serverOK {
		return dissect.No
	}
	if client == nil && server == nil {
		return dissect.NeedMore
	}
	o := r.Object("ssh")
	o.Text("client_version", client)
	o.Text("server_version", server)
	ownOffer, ownDone := sshOffer(o, "hassh", toServer, 0)
	otherOffer, otherDone := sshOffer(o, "hassh_server", toClient, 1)
	if hasPrefix(client, "SSH-1.") && !hasPrefix(client, "SSH-1.99") || hasPrefix(server, "SSH-1.") &&
		!hasPrefix(server, "SSH-1.99") {
		r.Risk(record.RiskSSHObsoleteVersion)
		return dissect.Yes
	}
	if client == nil || server == nil || ownOffer && !ownDone || otherOffer && !otherDone {
		return dissect.YesMore
	}
	return dissect.Yes
}

// sshIdentification finds a side's identification string and returns the bytes after it. A server may send lines before
// it. ok is false if this side does not speak SSH.
func sshIdentification(b []byte) (line, rest []byte, ok bool) {
	for at := 0; at < len(b) && at < sshMaxBanner; {
		end := bytes.IndexByte(b[at:], '\n')
		if couldBe(b[at:], "SSH-") {
			if end < 0 {
				return nil, nil, len(b)-at <= sshMaxIdentification
			}
			line = bytes.TrimSuffix(b[at:at+end], []byte{'\r'})
			return line, b[at+end+1:], end <= sshMaxIdentification && sshIsIdentification(line)
		}
		if end < 0 || !isPrintable(b[at:at+end]) {
			return nil, nil, end < 0 && isPrintable(b[at:])
		}
		at += end + 1
	}
	return nil, nil, len(b) < sshMaxBanner
}

// sshIsIdentification checks "SSH-protoversion-softwareversion".
func sshIsIdentification(line []byte) bool {
	const shortest = len("SSH-2.0-x")
	return len(line) >= shortest && hasPrefix(line, "SSH-") && (line[4] == '1' || line[4] == '2') && line[5] == '.' &&
		bytes.IndexByte(line[6:min(len(line), 9)], '-') > 0 && isPrintable(line)
}

// sshOffer reads SSH_MSG_KEXINIT at the start of b and writes the fingerprint of the lists for the direction way: the
// MD5 of key exchange, cipher, MAC and compression names. open: b may be a KEXINIT; done: it was, and the fingerprint
// is written.
func sshOffer(o *dissect.Object, field string, b []byte, way int) (open, done bool) {
	const header, cookie, kexInit = 6, 16, 20 // length, padding length, message number
	if len(b) < header {
		return true, false
	}
	length := be32(b)
	if length < header+cookie || length > dissect.MaxStream || b[5] != kexInit {
		return false, false
	}
	if len(b) < 4+length {
		return true, false
	}
	lists := b[header+cookie : 4+length]
	var text [sshMaxLists]byte
	joined := text[:0]
	for i := range 8 {
		if len(lists) < 4 {
			return false, false
		}
		n := be32(lists)
		if n > len(lists)-4 || len(joined)+n+1 > sshMaxLists {
			return false, false
		}
		// 0 key exchange, 1 host key, then ciphers, MACs and compression, each for both directions.
		if i == 0 || i >= 2 && i%2 == way {
			if i > 0 {
				joined = append(joined, ';')
			}
			joined = append(joined, lists[4:4+n]...)
		}
		lists = lists[4+n:]
	}
	sum := md5.Sum(joined)
	var digits [2 * md5.Size]byte
	hex.Encode(digits[:], sum[:])
	o.Text(field, digits[:])
	return true, true
}

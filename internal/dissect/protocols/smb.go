// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// smb: over TCP, directly (port 445) and over NetBIOS sessions (port 139), both with a 4-byte header before each
// message: 0, then the length in three bytes ([MS-SMB2] §2.1, RFC 1002 §4.3.1).
var smbProtocol = &dissect.Protocol{
	Name:      "smb",
	Spec:      "[MS-SMB2] §2; [MS-CIFS] §2.2; [MS-NLMP] §2.2.1",
	Category:  "file-sharing",
	Over:      dissect.TCP,
	Ports:     []uint16{445, 139},
	Start:     dissect.BytesOf(0x00),
	MinLength: 36,
	Members: []string{"smb.dialect", "smb.domain", "smb.encrypted", "smb.share", "smb.user", "smb.version",
		"smb.workstation"},
	Inspect: inspectSMB,
}

const (
	smb1Header = 32
	smb2Header = 64
	// maxSMBMessages bounds the messages walked in one stream of 16 KiB: the smallest has 36 bytes.
	maxSMBMessages = 512
)

// smbSeen collects fields from the messages of both directions.
type smbSeen struct {
	messages      int
	smb1, smb2    bool
	encrypted     bool
	dialect       int
	share         []byte // UTF-16 or ASCII
	shareWide     bool
	authenticate  []byte // the NTLMSSP AUTHENTICATE_MESSAGE
	serverReplied bool
}

func inspectSMB(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var s smbSeen
	okFirst, okSecond := s.walk(c.First(), c), s.walk(c.Second(), c)
	switch {
	case !okFirst && !c.Midstream, !okSecond && !c.Midstream, !okFirst && !okSecond:
		// In mid-flow, one side may begin within a message.
		return dissect.No
	case s.messages == 0:
		return dissect.NeedMore
	}
	s.describe(r)
	if s.share != nil || s.encrypted {
		return dissect.Yes
	}
	return dissect.YesMore
}

// walk reads the messages of one direction's stream and reports whether they are or may still be SMB.
func (s *smbSeen) walk(b []byte, c *dissect.Conversation) bool {
	toServer := len(b) > 0 && len(c.ToServer()) > 0 && &b[0] == &c.ToServer()[0]
	for range maxSMBMessages {
		if len(b) < 8 {
			return len(b) == 0 || b[0] == 0 || b[0] >= 0x81 && b[0] <= 0x85
		}
		length := be24(b[1:])
		if b[0] != 0 { // set-up of the NetBIOS session: request, answers, keep-alive
			if b[0] < 0x81 || b[0] > 0x85 || length > 256 {
				return s.messages > 0
			}
			b = b[min(4+length, len(b)):]
			continue
		}
		if string(b[5:8]) != "SMB" || length < smb1Header {
			return s.messages > 0 // after the first, a hole in the capture may have shifted the stream
		}
		message := b[4:min(4+length, len(b))]
		switch b[4] {
		case 0xff:
			s.message1(message)
		case 0xfe:
			s.message2(message, toServer)
		case 0xfd, 0xfc: // encrypted and compressed, [MS-SMB2] §2.2.41 and §2.2.42
			s.smb2, s.encrypted = true, s.encrypted || b[4] == 0xfd
		default:
			return false
		}
		s.messages++
		if len(b) < 4+length {
			return true
		}
		b = b[4+length:]
	}
	return true
}

// message1 reads the share's path from TREE_CONNECT_ANDX, [MS-CIFS] §2.2.4.55.1: the parameters are four words after
// the AndX header, the last of them the password's length; then the data: password, path, service.
func (s *smbSeen) message1(b []byte) {
	const treeConnect, sessionSetup = 0x75, 0x73
	if len(b) < smb1Header+1 {
		return
	}
	response := b[9]&0x80 != 0
	s.smb1, s.serverReplied = true, s.serverReplied || response
	if b[4] == sessionSetup {
		s.ntlm(b)
	}
	const parameters = smb1Header + 1
	if b[4] != treeConnect || response || b[smb1Header] != 4 || len(b) < parameters+10 {
		return
	}
	at := parameters + 10 + le16(b[parameters+6:])
	wide := b[11]&0x80 != 0 // FLAGS2_UNICODE
	if wide && at&1 != 0 {
		at++ // aligned to two bytes of the header's start
	}
	if at < len(b) {
		s.share, s.shareWide = b[at:], wide
	}
}

// message2 reads the dialect from NEGOTIATE, [MS-SMB2] §2.2.4, and the share's path from TREE_CONNECT, §2.2.9.
func (s *smbSeen) message2(b []byte, toServer bool) {
	const negotiate, sessionSetup, treeConnect = 0, 1, 3
	if len(b) < smb2Header+8 || le16(b[4:]) != smb2Header {
		return
	}
	s.smb2 = true
	response := b[16]&1 != 0
	s.serverReplied = s.serverReplied || response
	switch command := le16(b[12:]); {
	case command == negotiate && response:
		s.dialect = le16(b[smb2Header+4:])
	case command == sessionSetup:
		s.ntlm(b)
	case command == treeConnect && !response:
		offset, length := le16(b[smb2Header+4:]), le16(b[smb2Header+6:])
		if offset >= smb2Header && offset+length <= len(b) {
			s.share, s.shareWide = b[offset:offset+length], true
		}
	}
}

// ntlm keeps an NTLMSSP AUTHENTICATE_MESSAGE, [MS-NLMP] §2.2.1.3.
func (s *smbSeen) ntlm(b []byte) {
	const header = 64
	if i := bytes.Index(b, []byte("NTLMSSP\x00\x03\x00\x00\x00")); i >= 0 && len(b)-i >= header {
		s.authenticate = b[i:]
	}
}

func (s *smbSeen) describe(r *dissect.Result) {
	o := r.Object("smb")
	if s.smb2 {
		o.Int("version", 2)
	} else {
		o.Int("version", 1)
		if s.serverReplied {
			r.Risk(record.RiskSMB1)
		}
	}
	o.String("dialect", smbDialect(s.dialect))
	if s.encrypted {
		o.Bool("encrypted", true)
	}
	var text [dissect.MaxText]byte
	if a := s.authenticate; a != nil {
		wide := a[60]&1 != 0 // NTLMSSP_NEGOTIATE_UNICODE
		o.Text("domain", ntlmField(text[:0], a, 28, wide))
		o.Text("user", ntlmField(text[:0], a, 36, wide))
		o.Text("workstation", ntlmField(text[:0], a, 44, wide))
	}
	if s.share != nil {
		o.Text("share", appendWide(text[:0], s.share, s.shareWide))
	}
}

func smbDialect(revision int) string {
	switch revision {
	case 0x0202:
		return "2.0.2"
	case 0x0210:
		return "2.1"
	case 0x02ff:
		return "2.x"
	case 0x0300:
		return "3.0"
	case 0x0302:
		return "3.0.2"
	case 0x0311:
		return "3.1.1"
	}
	return ""
}

// ntlmField returns the text whose length, room and offset are at that place of an NTLMSSP message.
func ntlmField(dst, message []byte, at int, wide bool) []byte {
	length, offset := le16(message[at:]), le32(message[at+4:])
	if offset > len(message) || length > len(message)-offset {
		return nil
	}
	return appendWide(dst, message[offset:offset+length], wide)
}

// appendWide appends UTF-16LE (or, if not wide, single bytes) up to a NUL as UTF-8, as far as dst has room.
func appendWide(dst, b []byte, wide bool) []byte {
	if !wide {
		text, _, _ := bytes.Cut(b, []byte{0})
		return append(dst, text[:min(len(text), cap(dst)-len(dst))]...)
	}
	for ; len(b) >= 2 && cap(dst)-len(dst) >= utf8.UTFMax; b = b[2:] {
		c := rune(le16(b))
		if c == 0 {
			break
		}
		if utf16.IsSurrogate(c) && len(b) >= 4 {
			if pair := utf16.DecodeRune(c, rune(le16(b[2:]))); pair != utf8.RuneError {
				c, b = pair, b[2:]
			}
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}

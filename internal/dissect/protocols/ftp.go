// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// ftp: the control connection (RFC 959; RFC 2428 for IPv6; RFC 4217 for TLS). It announces its data connections.
var ftpProtocol = &dissect.Protocol{
	Name:     "ftp",
	Spec:     "RFC 959 §4, RFC 2428, RFC 4217",
	Category: "file-transfer",
	Over:     dissect.TCP,
	Ports:    []uint16{21, 990},
	Start: dissect.FirstBytes("220", "120", "421", "USER", "AUTH", "PASV", "EPSV", "PORT", "EPRT", "user", "TYPE",
		"CWD", "RETR", "STOR"),
	MinLength: 4,
	Extra:     40, // a session announces data connections until its end
	Members:   []string{"ftp.server", "ftp.starttls", "ftp.user", "tls.*"},
	Inspect:   inspectFTP,
}

var (
	// ftpCommands are commands with which a client can begin; SMTP has none of them.
	ftpCommands = []string{"USER", "FEAT", "SYST", "HOST", "CLNT", "OPTS", "PBSZ", "CWD", "PWD", "TYPE", "PASV", "EPSV",
		"PORT", "EPRT", "LIST", "RETR", "STOR", "NLST", "MLSD", "SIZE", "MDTM", "REST"}
	// ftpOwnCommands are commands that no other line protocol has. POP3 shares USER, LIST and RETR.
	ftpOwnCommands = []string{"SYST", "CWD", "PWD", "PASV", "EPSV", "PORT", "EPRT", "STOR", "NLST", "MLSD", "MDTM",
		"PBSZ"}
)

func inspectFTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if replyCode(toServer) != 0 && replyCode(toClient) == 0 {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	if v := ftpCertain(toServer, toClient); v != dissect.Yes {
		return v
	}
	var s ftpSession
	s.readCommands(toServer, c, r)
	s.readReplies(toClient, c, r)
	o := r.Object("ftp")
	o.Text("user", s.user)
	o.Text("server", s.greeting)
	if s.tls {
		o.Bool("starttls", true)
		return afterSTARTTLS(toServer, toClient, r)
	}
	if s.password {
		r.Risk(record.RiskCleartextCredentials)
	}
	return dissect.YesMore
}

// ftpCertain decides by the first lines. Certain are a greeting that names FTP, any reply together with a command of
// FTP, and a command unique to FTP with an answer.
func ftpCertain(toServer, toClient []byte) dissect.Verdict {
	command, more, commanded := cutLine(toServer)
	reply, _, replied := cutLine(toClient)
	if replied && replyCode(reply) == 0 || len(toClient) >= 4 && replyCode(toClient[:4]) == 0 {
		return dissect.No
	}
	if commanded && !hasVerb(command, ftpCommands...) && !hasVerb(command, "AUTH TLS", "AUTH SSL", "NOOP", "QUIT",
		"HELP") {
		return dissect.No
	}
	if replied && replyCode(reply) == 220 && containsFold(reply[:min(len(reply), 80)], "FTP") {
		return dissect.Yes
	}
	if commanded && replied && (hasVerb(command, ftpCommands...) || hasVerb(command, "AUTH TLS", "AUTH SSL") &&
		!containsFold(reply, "SMTP")) {
		return dissect.Yes
	}
	if commanded && hasVerb(command, ftpCommands...) && ftpOwn(more) {
		return dissect.Yes
	}
	if !couldBeLines(toServer) || !couldBeLines(toClient) {
		return dissect.No
	}
	return dissect.NeedMore
}

// ftpOwn searches the client's next lines for a command unique to FTP.
func ftpOwn(b []byte) bool {
	const lines = 8
	for range lines {
		line, rest, whole := cutLine(b)
		if !whole || replyCode(line) != 0 {
			return false
		}
		if hasVerb(line, ftpOwnCommands...) {
			return true
		}
		b = rest
	}
	return false
}

// ftpSession is the state that a session's lines reveal.
type ftpSession struct {
	user, greeting []byte
	password, tls  bool
}

func (s *ftpSession) readCommands(b []byte, c *dissect.Conversation, r *dissect.Result) {
	for line := range wholeLines(b) {
		if s.tls {
			return
		}
		switch {
		case hasVerb(line, "USER"):
			s.user = argument(line)
		case hasVerb(line, "PASS"):
			s.password = !bytes.EqualFold(s.user, []byte("anonymous"))
		case hasVerb(line, "AUTH"):
			s.tls = hasPrefixFold(argument(line), "TLS") || hasPrefixFold(argument(line), "SSL")
		case hasVerb(line, "PORT"):
			ftpExpect(ftpHostPort(argument(line)), r)
		case hasVerb(line, "EPRT"):
			ftpExpect(ftpExtended(argument(line), c.Client.Addr()), r)
		}
	}
}

func (s *ftpSession) readReplies(b []byte, c *dissect.Conversation, r *dissect.Result) {
	refused := true
	for range maxLines {
		line, rest, whole := cutLine(b)
		if !whole || skipLines(b[:min(len(b), 2)]) != nil {
			break
		}
		b = rest
		switch code := replyCode(line); code {
		case 220:
			if s.greeting == nil {
				s.greeting = bytes.TrimSpace(line[min(len(line), 4):])
			}
		case 227, 229:
			open := bytes.IndexByte(line, '(') + 1
			if code == 227 {
				ftpExpect(ftpHostPort(line[min(max(open, 4), len(line)):]), r)
			} else {
				ftpExpect(ftpExtended(line[open:], c.Server.Addr()), r)
			}
		case 234, 334:
			refused = false
		}
	}
	s.tls = s.tls && !refused
}

func ftpExpect(to netip.AddrPort, r *dissect.Result) {
	if to.IsValid() && to.Port() != 0 {
		r.Expect(dissect.Expectation{Server: to, Over: dissect.TCP, Protocol: "ftp-data"})
	}
}

// ftpHostPort reads the h1,h2,h3,h4,p1,p2 of PORT and 227 (RFC 959 §4.1.2), after any text.
func ftpHostPort(b []byte) netip.AddrPort {
	for len(b) > 0 && (b[0] < '0' || b[0] > '9') {
		b = b[1:]
	}
	var v [6]byte
	for i := range v {
		n, rest, ok := cutNumber(b)
		if !ok || n > 255 {
			return netip.AddrPort{}
		}
		v[i] = byte(n)
		if b = rest; i < 5 {
			if len(b) == 0 || b[0] != ',' {
				return netip.AddrPort{}
			}
			b = b[1:]
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(v[:4])), uint16(v[4])<<8|uint16(v[5]))
}

// ftpExtended reads the |protocol|address|port| of EPRT and 229 (RFC 2428 §2, §3). An omitted address means addr; a
// different address is another host's transfer, which ftp does not announce.
func ftpExtended(b []byte, addr netip.Addr) netip.AddrPort {
	if len(b) == 0 {
		return netip.AddrPort{}
	}
	last := bytes.LastIndexByte(b, b[0])
	if last <= 0 {
		return netip.AddrPort{}
	}
	start := bytes.LastIndexByte(b[:last], b[0]) + 1
	port, _, ok := cutNumber(b[start:last])
	if !ok || port > 0xffff {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

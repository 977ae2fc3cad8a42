// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// irc: RFC 2812, with capabilities (IRCv3 CAP).
var ircProtocol = &dissect.Protocol{
	Name:      "irc",
	Spec:      "RFC 2812 §2.3, §3.1, §5.1; RFC 7194",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{194, 6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 6697, 7000},
	Start:     dissect.FirstBytes("NICK", "USER", "PASS", "CAP ", ":", "JOIN", "PRIVMSG"),
	MinLength: 4,
	Members:   []string{"irc.nick", "irc.server"},
	Inspect:   inspectIRC,
}

func inspectIRC(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if hasPrefix(toServer, ":") && !hasPrefix(toClient, ":") {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	if !couldBeLines(toServer) || !couldBeLines(toClient) {
		return dissect.No
	}
	var s ircSession
	asked, answered := s.readClient(toServer), s.readServer(toClient)
	if !asked || !answered {
		return dissect.No
	}
	if !s.numeric && !(s.nick != nil && (s.registered || s.greeted)) && !s.spoke {
		return dissect.NeedMore
	}
	o := r.Object("irc")
	o.Text("nick", s.nick)
	o.Text("server", s.server)
	if looksLikeHost(s.server) {
		r.SetHost(s.server)
	}
	if s.numeric && s.nick != nil {
		return dissect.Yes
	}
	return dissect.YesMore
}

// ircSession is the state that both sides' lines reveal.
type ircSession struct {
	nick, server []byte
	registered   bool // USER with its four parameters
	spoke        bool // PRIVMSG or JOIN with a channel: a capture from mid-flow
	greeted      bool // a NOTICE of the form that servers send first
	numeric      bool // a numeric reply (RFC 2812 §5)
}

// readClient returns false if the first line is no client command.
func (s *ircSession) readClient(b []byte) bool {
	first := true
	for line := range wholeLines(b) {
		switch {
		case hasVerb(line, "NICK") && len(argument(line)) > 0:
			s.nick = bytes.TrimPrefix(argument(line), []byte{':'})
		case hasVerb(line, "USER"):
			s.registered = bytes.Count(line, []byte{' '}) >= 4
		case hasVerb(line, "PRIVMSG") && bytes.Contains(line, []byte(" :")), hasPrefixFold(line, "JOIN #"):
			s.spoke = true
		case first && !hasVerb(line, "PASS", "CAP LS", "CAP REQ", "PONG", "PING", "JOIN", "MODE", "WHO",
			"AUTHENTICATE"):
			return false
		}
		first = false
	}
	return true
}

// readServer returns false if the first line is not a server's.
func (s *ircSession) readServer(b []byte) bool {
	line, _, whole := cutLine(b)
	if !whole {
		return len(b) == 0 || b[0] == ':' || couldBe(b, "NOTICE ") || couldBe(b, "PING ") || couldBe(b, "ERROR ")
	}
	if line, ok := bytes.CutPrefix(line, []byte{':'}); ok {
		source, rest, _ := bytes.Cut(line, []byte{' '})
		if len(source) == 0 || len(rest) < 4 {
			return false
		}
		s.numeric = isDigits(rest[:3]) && rest[3] == ' ' && bytes.IndexByte(rest[4:], ' ') > 0
		s.greeted = hasVerb(rest, "NOTICE", "CAP", "PRIVMSG", "JOIN", "MODE", "PONG")
		if s.server = source; bytes.IndexByte(source, '!') >= 0 {
			s.server = nil // another user
		}
		return s.numeric || s.greeted
	}
	s.greeted = hasVerb(line, "NOTICE", "PING", "ERROR")
	return s.greeted
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// pop3: RFC 1939, with CAPA (RFC 2449), STLS (RFC 2595) and AUTH (RFC 5034).
var pop3Protocol = &dissect.Protocol{
	Name:      "pop3",
	Spec:      "RFC 1939 §3, RFC 2449, RFC 2595 §4",
	Category:  "mail",
	Over:      dissect.TCP,
	Ports:     []uint16{110, 995},
	Start:     dissect.FirstBytes("+OK", "-ERR", "CAPA", "USER", "APOP", "STLS", "AUTH"),
	MinLength: 3,
	Extra:     10, // a certificate after STLS
	Members:   []string{"pop3.greeting", "pop3.starttls", "pop3.user", "tls.*"},
	Inspect:   inspectPOP3,
}

var pop3Commands = []string{"CAPA", "USER", "APOP", "STLS", "AUTH", "PASS", "STAT", "LIST", "UIDL", "RETR", "TOP",
	"NOOP", "QUIT", "DELE", "LANG", "UTF8"}

func inspectPOP3(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if hasPrefix(toServer, "+OK") || hasPrefix(toServer, "-ERR") {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	reply, _, replied := cutLine(toClient)
	command, _, commanded := cutLine(toServer)
	if !couldBe(toClient, "+OK") && !couldBe(toClient, "-ERR") || !couldBeLines(toClient) ||
		commanded && !hasVerb(command, pop3Commands...) || !couldBeLines(toServer) {
		return dissect.No
	}
	if !pop3Certain(reply, replied, toServer, commanded) {
		return dissect.NeedMore
	}
	o := r.Object("pop3")
	o.Text("greeting", reply)
	var user []byte
	startTLS, password := false, false
	for line := range wholeLines(toServer) {
		switch {
		case hasVerb(line, "USER"):
			user = argument(line)
		case hasVerb(line, "PASS", "AUTH PLAIN", "AUTH LOGIN"):
			password = true
		case hasVerb(line, "STLS"):
			startTLS = true
		}
		if startTLS {
			break
		}
	}
	o.Text("user", user)
	if password {
		r.Risk(record.RiskCleartextCredentials)
	}
	if startTLS {
		o.Bool("starttls", true)
		return afterSTARTTLS(toServer, toClient, r)
	}
	if password {
		return dissect.Yes
	}
	return dissect.YesMore
}

// pop3Certain wants a command and a reply. Alone, a reply must have text, unlike Redis's +OK; without replies it wants
// two commands, one of them unique to POP3.
func pop3Certain(reply []byte, replied bool, toServer []byte, commanded bool) bool {
	const text = len("+OK ready")
	if replied {
		return commanded || len(reply) >= text && hasPrefix(reply, "+OK ") && isPrintable(reply)
	}
	if len(reply) > 0 || !commanded {
		return false
	}
	own := false
	for n := range 4 {
		line, rest, whole := cutLine(toServer)
		if !whole {
			return own && n >= 2
		}
		if !hasVerb(line, pop3Commands...) {
			return false
		}
		own = own || hasVerb(line, "CAPA", "UIDL", "APOP", "STLS", "TOP")
		toServer = rest
	}
	return own
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// imap: IMAP4rev1 and rev2 (RFC 3501, RFC 9051).
var imapProtocol = &dissect.Protocol{
	Name:      "imap",
	Spec:      "RFC 9051 §2.2, §6, §7.1",
	Category:  "mail",
	Over:      dissect.TCP,
	Ports:     []uint16{143, 993},
	Start:     dissect.FirstBytes("* "), // the server's: a client's tag can be any text
	MinLength: 4,
	Extra:     10, // a certificate after STARTTLS
	Members:   []string{"imap.greeting", "imap.starttls", "imap.user", "tls.*"},
	Inspect:   inspectIMAP,
}

var imapCommands = []string{"CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "ID", "NOOP", "LOGOUT", "SELECT", "LIST",
	"LSUB", "EXAMINE", "STATUS", "UID", "FETCH", "IDLE", "NAMESPACE", "ENABLE", "COMPRESS", "APPEND", "CLOSE"}

func inspectIMAP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if hasPrefix(toServer, "* ") && !hasPrefix(toClient, "* ") {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	greeting, _, greeted := cutLine(toClient)
	if !couldBeLines(toClient) || !couldBeLines(toServer) ||
		!couldBe(toClient, "* OK") && !couldBe(toClient, "* PREAUTH") && !couldBe(toClient, "* BYE") &&
			!couldBe(toClient, "* CAPABILITY ") {
		return dissect.No
	}
	command, _, commanded := cutLine(toServer)
	if commanded && !hasVerb(imapCommand(command), imapCommands...) {
		return dissect.No
	}
	if !greeted && !imapTwo(toServer) || greeted && !commanded && !containsFold(greeting, "IMAP") {
		return dissect.NeedMore
	}
	o := r.Object("imap")
	o.Text("greeting", greeting)
	var user []byte
	startTLS, password := false, false
	for line := range wholeLines(toServer) {
		switch command := imapCommand(line); {
		case hasVerb(command, "LOGIN"):
			user, _, _ = bytes.Cut(argument(command), []byte{' '})
			password = true
		case hasVerb(command, "AUTHENTICATE PLAIN", "AUTHENTICATE LOGIN"):
			password = true
		case hasVerb(command, "STARTTLS"):
			startTLS = true
		}
		if startTLS {
			break
		}
	}
	o.Text("user", bytes.Trim(user, `"`))
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

// imapTwo reports whether b holds two commands and nothing else, which proves IMAP without an answer.
func imapTwo(b []byte) bool {
	for range 2 {
		line, rest, whole := cutLine(b)
		if !whole || !hasVerb(imapCommand(line), imapCommands...) {
			return false
		}
		b = rest
	}
	return true
}

// imapCommand returns a client's line without its tag: letters and digits before a blank (RFC 9051 §2.2.1).
func imapCommand(line []byte) []byte {
	const longest = 32
	i := bytes.IndexByte(line[:min(len(line), longest)], ' ')
	if i <= 0 {
		return nil
	}
	return line[i+1:]
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// smtp: SMTP and LMTP (RFC 5321, RFC 2033), with STARTTLS (RFC 3207).
var smtpProtocol = &dissect.Protocol{
	Name:      "smtp",
	Spec:      "RFC 5321 §4.1, §4.2; RFC 3207; RFC 4954",
	Category:  "mail",
	Over:      dissect.TCP,
	Ports:     []uint16{25, 587, 465, 2525},
	Start:     dissect.FirstBytes("220", "554", "421", "EHLO", "HELO", "LHLO", "ehlo", "helo", "MAIL", "RCPT"),
	MinLength: 4,
	Extra:     10, // a certificate after STARTTLS
	Members:   []string{"smtp.helo", "smtp.server", "smtp.starttls", "tls.*"},
	Inspect:   inspectSMTP,
}

func inspectSMTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if replyCode(toServer) != 0 && replyCode(toClient) == 0 {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	if v := smtpCertain(toServer, toClient); v != dissect.Yes {
		return v
	}
	o := r.Object("smtp")
	greeting, _, greeted := cutLine(toClient)
	if replyCode(greeting) == 220 && greeted {
		if host, _, _ := bytes.Cut(bytes.TrimSpace(greeting[min(len(greeting), 4):]), []byte{' '}); looksLikeHost(
			host) {
			r.SetHost(host)
			o.Text("server", host)
		}
	}
	startTLS, cleartext, done := smtpCommands(toServer, o)
	if cleartext {
		r.Risk(record.RiskCleartextCredentials)
	}
	if startTLS {
		o.Bool("starttls", true)
		return afterSTARTTLS(toServer, toClient, r)
	}
	if done {
		return dissect.Yes
	}
	return dissect.YesMore
}

// smtpCertain decides by the first lines: a greeting of 220 that mentions SMTP, or EHLO and its like with a name.
func smtpCertain(toServer, toClient []byte) dissect.Verdict {
	command, _, commanded := cutLine(toServer)
	reply, rest, replied := cutLine(toClient)
	if len(toClient) >= 4 && replyCode(toClient[:4]) == 0 || !couldBeLines(toServer) || !couldBeLines(toClient) {
		return dissect.No
	}
	if commanded {
		switch {
		case hasVerb(command, "EHLO", "HELO", "LHLO") && len(argument(command)) > 0,
			hasPrefixFold(command, "MAIL FROM:"), hasPrefixFold(command, "RCPT TO:"):
			return dissect.Yes
		case !hasVerb(command, "EHLO", "HELO", "NOOP", "QUIT", "STARTTLS", "RSET", "AUTH", "HELP"):
			return dissect.No
		}
	}
	code := replyCode(reply)
	if replied && (code == 220 || code == 421 || code == 554) && (containsFold(reply, "SMTP") || commanded &&
		hasVerb(command, "EHLO", "HELO", "STARTTLS") || smtpExtended(rest)) {
		return dissect.Yes
	}
	return dissect.NeedMore
}

// smtpExtended reports whether b, a server's lines after its greeting, answers EHLO (RFC 5321 §4.1.1.1).
func smtpExtended(b []byte) bool {
	const lines = 8
	for range lines {
		line, rest, whole := cutLine(b)
		if !whole || len(line) < 4 {
			return false
		}
		if replyCode(line) == 250 && hasVerb(line[4:], "SIZE", "PIPELINING", "8BITMIME", "STARTTLS", "AUTH",
			"ENHANCEDSTATUSCODES") {
			return true
		}
		b = rest
	}
	return false
}

// smtpCommands writes fields of the client's cleartext commands; done: the mail has begun.
func smtpCommands(b []byte, o *dissect.Object) (startTLS, cleartext, done bool) {
	named := false
	for line := range wholeLines(b) {
		switch {
		case hasVerb(line, "EHLO", "HELO", "LHLO"):
			if !named {
				o.Text("helo", argument(line))
				named = true
			}
		case hasVerb(line, "AUTH PLAIN", "AUTH LOGIN"):
			cleartext = true
		case hasVerb(line, "STARTTLS"):
			return true, cleartext, false
		case hasPrefixFold(line, "MAIL FROM:"):
			return false, cleartext, true
		}
	}
	return false, cleartext, false
}

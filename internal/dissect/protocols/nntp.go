// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// nntp: Usenet news (RFC 3977; RFC 4643 for AUTHINFO, RFC 4642 for STARTTLS).
var nntpProtocol = &dissect.Protocol{
	Name:      "nntp",
	Spec:      "RFC 3977 §5, RFC 4642, RFC 4643",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{119, 433, 563},
	Start:     dissect.FirstBytes("200 ", "MODE READER"),
	MinLength: 4,
	Extra:     10, // a certificate after STARTTLS
	Members:   []string{"nntp.greeting", "nntp.starttls", "tls.*"},
	Inspect:   inspectNNTP,
}

var nntpCommands = []string{"MODE READER", "MODE STREAM", "CAPABILITIES", "AUTHINFO USER", "AUTHINFO SASL", "GROUP",
	"LISTGROUP", "ARTICLE", "XOVER", "OVER", "IHAVE", "NEWGROUPS", "NEWNEWS", "STARTTLS", "LIST ACTIVE", "LIST", "POST",
	"DATE", "XFEATURE COMPRESS"}

func inspectNNTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if hasPrefix(toServer, "20") {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	reply, _, replied := cutLine(toClient)
	command, _, commanded := cutLine(toServer)
	if !couldBe(toClient, "200 ") && !couldBe(toClient, "201 ") || commanded && !hasVerb(command, nntpCommands...) ||
		!couldBeLines(toServer) || !couldBeLines(toClient) {
		return dissect.No
	}
	if !replied || !commanded && !containsFold(reply, "NNTP") && !containsFold(reply, "INTERNETNEWS") {
		return dissect.NeedMore
	}
	o := r.Object("nntp")
	o.Text("greeting", reply)
	for line := range wholeLines(toServer) {
		switch {
		case hasVerb(line, "AUTHINFO PASS"):
			r.Risk(record.RiskCleartextCredentials)
			return dissect.YesMore
		case hasVerb(line, "STARTTLS"):
			o.Bool("starttls", true)
			return afterSTARTTLS(toServer, toClient, r)
		}
	}
	return dissect.YesMore
}

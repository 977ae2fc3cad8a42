// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// finger: a line with a user's name or none, and a text about logged-in users.
var fingerProtocol = &dissect.Protocol{
	Name:      "finger",
	Spec:      "RFC 1288 §2.3, §2.5",
	Category:  "network",
	Over:      dissect.TCP,
	Ports:     []uint16{79},
	MinLength: 1,
	Members:   []string{"finger.query"},
	Inspect:   inspectFinger,
}

// fingerAnswers are phrases of servers' texts.
var fingerAnswers = [][]byte{
	[]byte("Login: "), []byte("Login name: "), []byte("Login    "), []byte("no such user"), []byte("No such user"),
	[]byte("o one logged on"), []byte("No Plan."),
	[]byte("In real life: "), []byte("finger: "),
}

func inspectFinger(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const maxQuery, peek = 512, 1024
	query, rest, whole := cutLine(c.ToServer())
	answer := c.ToClient()
	if len(query) > maxQuery || !isPrintable(query) || len(rest) > 0 || c.ServerFirst() {
		return dissect.No
	}
	if answer = answer[:min(len(answer), peek)]; !isText(answer) {
		return dissect.No
	}
	if whole {
		for _, text := range fingerAnswers {
			if bytes.Contains(answer, text) {
				r.Object("finger").Text("query", query)
				return dissect.Yes
			}
		}
	}
	return moreIf(len(answer) < peek)
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"slices"

	"github.com/weirnet/weir/internal/dissect"
)

// beanstalkd: the work queue's text protocol, by a command and a matching answer.
var beanstalkdProtocol = &dissect.Protocol{
	Name:     "beanstalkd",
	Spec:     "beanstalkd protocol.txt",
	Category: "message-queue",
	Over:     dissect.TCP,
	Ports:    []uint16{11300},
	Start: dissect.FirstBytes("put ", "use ", "reserve", "watch ", "stats", "delete ", "list-tubes", "peek",
		"kick ", "bury ", "touch ", "release ", "ignore "),
	MinLength: 6,
	Members:   []string{"beanstalkd.command"},
	Inspect:   inspectBeanstalkd,
}

// beanstalkdAnswers are the commands, each with the first words of its answers.
var beanstalkdAnswers = []struct {
	command string
	answers []string
}{
	{"put ", []string{"INSERTED ", "BURIED ", "DRAINING\r\n", "JOB_TOO_BIG\r\n", "EXPECTED_CRLF\r\n"}},
	{"use ", []string{"USING "}},
	{"reserve", []string{"RESERVED ", "TIMED_OUT\r\n", "DEADLINE_SOON\r\n"}}, {"watch ", []string{"WATCHING "}},
	{"ignore ", []string{"WATCHING ", "NOT_IGNORED\r\n"}},
	{"stats", []string{"OK "}}, {"list-tube", []string{"OK ", "USING "}}, {"peek", []string{"FOUND ", "NOT_FOUND\r\n"}},
	{"kick ", []string{"KICKED "}},
	{"delete ", []string{"DELETED\r\n", "NOT_FOUND\r\n"}}, {"bury ", []string{"BURIED\r\n", "NOT_FOUND\r\n"}},
	{"touch ", []string{"TOUCHED\r\n", "NOT_FOUND\r\n"}},
	{"release ", []string{"RELEASED\r\n", "NOT_FOUND\r\n", "BURIED\r\n"}},
}

func inspectBeanstalkd(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, answer := c.ToServer(), c.ToClient()
	line, _, whole := cutLine(request)
	if len(request) == 0 || len(answer) == 0 || !whole {
		return moreIf(couldBeLines(request) && couldBeLines(answer))
	}
	for _, a := range beanstalkdAnswers {
		if !hasPrefix(line, a.command) || !isBeanstalkd(line) {
			continue
		}
		for _, word := range a.answers {
			if !couldBe(answer, word) {
				continue
			}
			reply, _, ended := cutLine(answer)
			if !ended {
				return dissect.NeedMore
			}
			if word[len(word)-1] == ' ' && !isBeanstalkdReply(word, reply) {
				return dissect.No
			}
			command, _, _ := cutText(line, ' ')
			r.Object("beanstalkd").Text("command", command)
			return dissect.Yes
		}
	}
	return dissect.No
}

// isBeanstalkd checks the arguments of commands that other protocols share: put has four numbers, tube names have no
// blanks, and jobs are numbers.
func isBeanstalkd(line []byte) bool {
	command, rest, _ := cutText(line, ' ')
	switch string(command) {
	case "put":
		return countNumbers(rest) == 4
	case "use", "watch", "ignore":
		return len(rest) > 0 && len(rest) <= 200 && !slices.Contains(rest, ' ')
	case "delete", "touch", "kick":
		return countNumbers(rest) == 1
	}
	return true
}

// isBeanstalkdReply checks the answer after its first word: a tube's name, or numbers.
func isBeanstalkdReply(word string, reply []byte) bool {
	rest := reply[min(len(reply), len(word)):]
	if word == "USING " {
		return len(rest) > 0 && !slices.Contains(rest, ' ')
	}
	return countNumbers(rest) > 0
}

// cutText splits b at the first sep.
func cutText(b []byte, sep byte) (before, after []byte, found bool) {
	return bytes.Cut(b, []byte{sep})
}

// countNumbers counts the decimal numbers in b, which single blanks separate; 0 if b holds anything else.
func countNumbers(b []byte) int {
	n := 0
	for more := true; more; n++ {
		var word []byte
		if word, b, more = cutText(b, ' '); !isDigits(word) || len(word) == 0 {
			return 0
		}
	}
	return n
}

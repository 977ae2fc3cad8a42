// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"slices"

	"github.com/weirnet/weir/internal/dissect"
)

// zookeeper: the connection request and response with their 16-byte password, and the four-letter words with their
// answers.
var zookeeperProtocol = &dissect.Protocol{
	Name: "zookeeper",
	Spec: "Apache ZooKeeper zookeeper.jute (ConnectRequest, ConnectResponse); Administrator's Guide, \"The Four " +
		"Letter Words\"",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{2181},
	Start:     dissect.BytesOf(0).Or(dissect.FirstBytes(zookeeperWords...)),
	MinLength: 4,
	Members:   []string{"zookeeper.command", "zookeeper.timeout_ms"},
	Inspect:   inspectZooKeeper,
}

// zookeeperWords are the words that a client can send instead of a request.
var zookeeperWords = []string{
	"conf", "cons", "crst", "dump", "envi", "ruok", "srst", "srvr", "stat", "wchs", "wchc", "wchp", "mntr", "isro",
	"hash", "gtmk", "stmk", "dirs",
	"icfg", "lsnp", "lead", "orst", "obsr", "sysp",
}

// zookeeperAnswers are the first texts of their answers.
var zookeeperAnswers = []string{
	"imok", "Zookeeper version: ", "zk_version\t", "Environment:\nzookeeper.version=", "clientPort=",
	"Connection stats reset.", "Server stats reset.",
	"SessionTracker dump:", "Session Stats:", "This ZooKeeper instance is not currently serving requests",
	"datadir_size: ", "Latency stats reset.",
}

func inspectZooKeeper(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	// Length; version 0, then: last transaction (8), timeout, session (8) and password; or timeout, session and
	// password.
	const request, response, password = 44, 36, 16
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) < 4 || b[0] != 0 {
			continue
		}
		length, at := be32(b), 0
		switch length {
		case request, request + 1: // with the read-only flag
			at = 4 + 4 + 8 + 4 + 8
		case response, response + 1:
			at = 4 + 4 + 4 + 8
		default:
			return dissect.No
		}
		if len(b) < at+4 {
			continue
		}
		if be32(b[4:]) != 0 || be32(b[at:]) != password {
			return dissect.No
		}
		r.Object("zookeeper").Int("timeout_ms", int64(be32(b[at-8-4:])))
		return dissect.Yes
	}
	return zookeeperWord(c, r)
}

// zookeeperWord decides by the answer to a word, which a line end may follow.
func zookeeperWord(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const length, longest = 4, 6
	word, answer := c.ToServer(), c.ToClient()
	if len(word) < length || word[0] == 0 || len(word) > longest ||
		!slices.Contains(zookeeperWords, string(word[:length])) {
		return moreIf(len(word) < length || word[0] == 0)
	}
	if rest := word[length:]; len(rest) > 0 && rest[0] != '\n' && rest[0] != '\r' {
		return dissect.No
	}
	word = word[:length]
	if v := zookeeperAnswer(word, answer); v != dissect.Yes {
		return v
	}
	r.Object("zookeeper").Text("command", word)
	return dissect.Yes
}

func zookeeperAnswer(word, answer []byte) dissect.Verdict {
	const refused, refusedAt = " is not executed because it is not in the whitelist.", 4
	if hasAnyPrefix(answer, zookeeperAnswers) {
		return dissect.Yes
	}
	if hasPrefix(answer, string(word)) {
		return verdictOf(answer[refusedAt:], refused)
	}
	switch string(word) {
	case "isro": // read-write, read-only, or no server yet
		if string(answer) == "rw" || string(answer) == "ro" || string(answer) == "null" {
			return dissect.Yes
		}
	case "cons": // " /192.0.2.1:40000[1](queued=0,recved=1,sent=0)"
		if line := bytes.TrimLeft(answer, "\n"); hasPrefix(line, " /") && bytes.Contains(line, []byte("(queued=")) {
			return dissect.Yes
		}
	case "wchs":
		if bytes.Contains(answer, []byte(" connections watching ")) {
			return dissect.Yes
		}
	}
	return moreIf(len(answer) < zookeeperPeek && isPrintable(answer) && (len(answer) == 0 || len(answer) < 4 ||
		slices.ContainsFunc(zookeeperAnswers, func(begin string) bool { return couldBe(answer, begin) })))
}

// zookeeperPeek bounds the wait for an answer, in bytes.
const zookeeperPeek = 64

// verdictOf judges whether b begins with text, or may with more bytes.
func verdictOf(b []byte, text string) dissect.Verdict {
	if hasPrefix(b, text) {
		return dissect.Yes
	}
	return moreIf(couldBe(b, text))
}

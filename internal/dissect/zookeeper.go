// SPDX-License-Identifier: Apache-2.0

package dissect

// zookeeper: the connection request and response with their password of 16 bytes, and the words of four letters with their
// answers.
var _ = register(Protocol{
	Name:      "zookeeper",
	Spec:      "Apache ZooKeeper zookeeper.jute (ConnectRequest, ConnectResponse); Administrator's Guide, \"The Four Letter Words\"",
	Category:  "database",
	Over:      TCP,
	Ports:     []uint16{2181},
	Start:     Of(0).Or(Firsts("ruok", "srvr", "stat", "mntr", "envi", "conf")),
	MinLength: 4,
	Inspect:   inspectZooKeeper,
})

func inspectZooKeeper(c *Conversation, r *Result) Verdict {
	// Length; version 0, then: last transaction (8), timeout, session (8) and password; or timeout, session and password.
	const request, response, password = 44, 36, 16
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) < 4 || b[0] != 0 {
			continue
		}
		length, at := be32(b), 0
		switch length {
		case request, request + 1: // with the wish to read only
			at = 4 + 4 + 8 + 4 + 8
		case response, response + 1:
			at = 4 + 4 + 4 + 8
		default:
			return No
		}
		if len(b) < at+4 {
			continue
		}
		if be32(b[4:]) != 0 || be32(b[at:]) != password {
			return No
		}
		r.Object("zookeeper").Int("timeout_ms", int64(be32(b[at-8-4:])))
		return Yes
	}
	return zookeeperWord(c)
}

// zookeeperWord decides by the answer to a word.
func zookeeperWord(c *Conversation) Verdict {
	word, answer := c.ToServer(), c.ToClient()
	if len(word) > 0 && word[0] == 0 || len(word) > 6 {
		return moreIf(len(word) > 0 && word[0] == 0)
	}
	if hasAnyPrefix(answer, []string{"imok", "Zookeeper version: ", "zk_version\t", "Environment:\nzookeeper.version=", "clientPort="}) && len(word) >= 4 {
		return Yes
	}
	return moreIf(len(answer) < 4)
}

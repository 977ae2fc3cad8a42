// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// The games whose datagrams outside of a connection begin with four bytes of 0xff: server queries of Valve's engines, Quake III's
// commands, and the search for computers of Steam's streaming at home.
var _ = register(Protocol{
	Name: "source-engine", Also: []string{"quake3", "steam"}, Spec: "Valve Developer Community: Server queries, Master Server Query Protocol", Category: "gaming",
	Over: UDP, Ports: []uint16{27015, 27036, 27960}, Start: Of(0xff), MinLength: len(outOfBand) + 1,
	Inspect: inspectSourceEngine,
})

const (
	outOfBand = "\xff\xff\xff\xff"
	// steamDiscovery begins the messages of In-Home Streaming's discovery.
	steamDiscovery    = outOfBand + "\x21\x4c\x5f\xa0"
	sourceEngineQuery = "TSource Engine Query\x00"
)

// quakeCommands begin Quake III's connectionless messages, each with what must follow.
var quakeCommands = []string{"getstatus", "getinfo", "getchallenge", "getservers ", "getserversExt ", "getserversResponse\\", "statusResponse\n\\", "infoResponse\n\\", "challengeResponse ", "connectResponse", "connect \"\\"}

func inspectSourceEngine(c *Conversation, r *Result) Verdict {
	newest := c.Newest()
	b := newest.Payload
	if !hasPrefix(b, outOfBand) || len(b) == len(outOfBand) {
		return No
	}
	if hasPrefix(b, steamDiscovery) {
		return steamVerdict(newest, r)
	}
	body := b[len(outOfBand):]
	if isQuake3(body) {
		describeQuake3(body, r)
		return Yes
	}
	return sourceEngineVerdict(c, body, newest.Length-len(outOfBand), r)
}

// isQuake3 says whether what follows the mark is a command of Quake III's.
func isQuake3(body []byte) bool {
	return hasAnyPrefix(body, quakeCommands) && isPrintable(body[:min(len(body), 16)])
}

// describeQuake3 writes the command: the first word.
func describeQuake3(body []byte, r *Result) {
	r.SetProtocol("quake3")
	word, _, _ := bytes.Cut(body[:min(len(body), 20)], []byte{'\n'})
	word, _, _ = bytes.Cut(word, []byte{' '})
	word, _, _ = bytes.Cut(word, []byte{'\\'})
	r.Object("quake3").Text("command", word)
}

// sourceEngineVerdict checks the queries and answers; what has no text of its own must be one of a question and its answer.
func sourceEngineVerdict(c *Conversation, body []byte, length int, r *Result) Verdict {
	switch body[0] {
	case 'T':
		if rest := length - len(sourceEngineQuery); hasPrefix(body, sourceEngineQuery) && (rest == 0 || rest == 4) {
			return Yes
		}
		return No
	case 'I', 'm':
		return describeSourceEngine(body, r)
	case 'f':
		if len(body) > 2 && body[1] == '\n' && (length-2)%6 == 0 {
			return Yes // the master server's answer: addresses of servers
		}
		return No
	case 'U', 'V', 'W', 'A', 'i':
		if length != 5 && !(body[0] == 'W' || body[0] == 'i') {
			return No
		}
	case 'D', 'E', 'j':
	default:
		return No
	}
	if sourceEnginePair(c) {
		return Yes
	}
	return NeedMore
}

// sourceEnginePair says whether the newest message answers one of the other side: challenge, players, rules.
func sourceEnginePair(c *Conversation) bool {
	newest := c.Newest()
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if d.FromClient == newest.FromClient || len(d.Payload) <= len(outOfBand) {
			continue
		}
		question, answer := d.Payload[len(outOfBand)], newest.Payload[len(outOfBand)]
		switch {
		case answer == 'A' && (question == 'U' || question == 'V' || question == 'W'), answer == 'D' && question == 'U', answer == 'E' && question == 'V', answer == 'j' && question == 'i':
			return true
		}
	}
	return false
}

// describeSourceEngine reads the information on a server: protocol, then name, map, folder and game as text; the older engine's
// begins with the address.
func describeSourceEngine(body []byte, r *Result) Verdict {
	rest := body[1:]
	if body[0] == 'I' {
		if len(rest) < 1 || rest[0] == 0 || rest[0] > 64 {
			return No
		}
		rest = rest[1:]
	}
	var texts [5][]byte
	n := 0
	for ; n < len(texts); n++ {
		text, more, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			break
		}
		texts[n], rest = text, more
	}
	at := 0
	if body[0] == 'm' {
		if at = 1; bytes.IndexByte(texts[0], ':') < 0 {
			return No
		}
	}
	if n < at+4 || len(texts[at+1]) == 0 || !isPrintable(texts[at+1]) || len(texts[at+2]) == 0 || !isPrintable(texts[at+2]) {
		return No
	}
	o := r.Object("source_engine")
	o.Text("server_name", texts[at])
	o.Text("map", texts[at+1])
	o.Text("game", texts[at+3])
	return Yes
}

// steamVerdict checks the discovery message: behind the magic number a header and a body, each with its length before it.
func steamVerdict(d *Datagram, r *Result) Verdict {
	b := d.Payload
	const header = len(steamDiscovery) + 4
	if len(b) < header || len(b) != d.Length {
		return No
	}
	at := header + le32(b[header-4:])
	if at < header || at+4 > len(b) || at+4+le32(b[at:]) != len(b) {
		return No
	}
	r.SetProtocol("steam")
	r.SetApplication("steam")
	return Yes
}

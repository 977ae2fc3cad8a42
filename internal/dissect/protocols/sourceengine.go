// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// source-engine, quake3 and steam: games whose connectionless datagrams begin with four bytes of 0xff: server queries
// of Valve's engines, Quake III's commands, and the discovery of Steam's In-Home Streaming.
var sourceEngineProtocol = &dissect.Protocol{
	Name: "source-engine", Also: []string{"quake3", "steam"},
	Spec: "Valve Developer Community: Server queries, Master Server Query Protocol", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{27015, 27036, 27960}, Start: dissect.BytesOf(0xff), MinLength: len(outOfBand) +
		1,
	Members: []string{"quake3.command", "source_engine.game", "source_engine.map", "source_engine.server_name"},
	Inspect: inspectSourceEngine,
}

const (
	outOfBand         = "\xff\xff\xff\xff"
	sourceEngineQuery = "TSource Engine Query\x00"
)

func inspectSourceEngine(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	newest := c.Newest()
	b := newest.Payload
	if !hasPrefix(b, outOfBand) || len(b) == len(outOfBand) {
		return dissect.No
	}
	if hasPrefix(b, steamDiscovery) {
		return steamVerdict(newest, r)
	}
	body := b[len(outOfBand):]
	if isQuake3(body) {
		describeQuake3(body, r)
		return dissect.Yes
	}
	return sourceEngineVerdict(c, body, newest.Length-len(outOfBand), r)
}

// sourceEngineVerdict checks queries and answers; messages without a text of their own need a matching question or
// answer.
func sourceEngineVerdict(c *dissect.Conversation, body []byte, length int, r *dissect.Result) dissect.Verdict {
	switch body[0] {
	case 'T':
		if rest := length - len(sourceEngineQuery); hasPrefix(body, sourceEngineQuery) && (rest == 0 || rest == 4) {
			return dissect.Yes
		}
		return dissect.No
	case 'I', 'm':
		return describeSourceEngine(body, r)
	case 'f':
		if len(body) > 2 && body[1] == '\n' && (length-2)%6 == 0 {
			return dissect.Yes // the master server's answer: server addresses
		}
		return dissect.No
	case 'U', 'V', 'W', 'A', 'i':
		if length != 5 && !(body[0] == 'W' || body[0] == 'i') {
			return dissect.No
		}
	case 'D', 'E', 'j':
	default:
		return dissect.No
	}
	if sourceEnginePair(c) {
		return dissect.Yes
	}
	return dissect.NeedMore
}

// sourceEnginePair reports whether the newest message answers one of the other side: challenge, players, rules.
func sourceEnginePair(c *dissect.Conversation) bool {
	newest := c.Newest()
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if d.FromClient == newest.FromClient || len(d.Payload) <= len(outOfBand) {
			continue
		}
		question, answer := d.Payload[len(outOfBand)], newest.Payload[len(outOfBand)]
		switch {
		case answer == 'A' && (question == 'U' || question == 'V' || question == 'W'), answer == 'D' && question == 'U',
			answer == 'E' && question == 'V', answer == 'j' && question == 'i':
			return true
		}
	}
	return false
}

// describeSourceEngine writes a server's information: protocol, then name, map, folder and game as text; the older
// engine's begins with the address.
func describeSourceEngine(body []byte, r *dissect.Result) dissect.Verdict {
	rest := body[1:]
	if body[0] == 'I' {
		if len(rest) < 1 || rest[0] == 0 || rest[0] > 64 {
			return dissect.No
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
			return dissect.No
		}
	}
	if n < at+4 || len(texts[at+1]) == 0 || !isPrintable(texts[at+1]) || len(texts[at+2]) == 0 ||
		!isPrintable(texts[at+2]) {
		return dissect.No
	}
	o := r.Object("source_engine")
	o.Text("server_name", texts[at])
	o.Text("map", texts[at+1])
	o.Text("game", texts[at+3])
	return dissect.Yes
}

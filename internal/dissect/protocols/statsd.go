// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// statsd: metrics in lines of text: name, value, type, and sample rate.
var statsdProtocol = &dissect.Protocol{
	Name:      "statsd",
	Spec:      "StatsD metric types; DogStatsD datagram format",
	Category:  "system",
	Over:      dissect.UDP,
	Ports:     []uint16{8125},
	Start:     dissect.ByteRange('a', 'z').Or(dissect.ByteRange('A', 'Z')),
	MinLength: statsdShortest,
	Heuristic: true,
	Members:   []string{"statsd.metric"},
	Inspect:   inspectStatsD,
}

// statsdShortest is "a.b:1|c": names without a dot are rare, and too weak as evidence.
const statsdShortest = 7

func inspectStatsD(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	rest := d.Payload
	var name []byte
	for n := 0; n < maxLines && len(rest) > 0; n++ {
		line, next, whole := cutLine(rest)
		key, ok := statsdLine(line)
		if !ok && (whole || d.Length == len(d.Payload)) {
			return dissect.No
		}
		if n == 0 {
			name = key
		}
		rest = next
	}
	if name == nil {
		return dissect.No
	}
	r.Object("statsd").Text("metric", name)
	return dissect.Yes
}

// statsdLine checks "name:value|type", then "|@rate" and "|#tags" and the like.
func statsdLine(line []byte) (name []byte, ok bool) {
	name, rest, ok := bytes.Cut(line, []byte{':'})
	value, rest, ok2 := bytes.Cut(rest, []byte{'|'})
	kind, rest, more := bytes.Cut(rest, []byte{'|'})
	if !ok || !ok2 || len(line) < statsdShortest || len(name) < 2 || len(value) == 0 || !isStatsDName(name) {
		return nil, false
	}
	switch string(kind) {
	case "c", "g", "ms", "h", "d", "m":
		for _, v := range value {
			if (v < '0' || v > '9') && v != '.' && v != '-' && v != '+' && v != ':' && v != 'e' && v != 'E' {
				return nil, false
			}
		}
	case "s": // a set counts distinct texts
		if !isPrintable(value) {
			return nil, false
		}
	default:
		return nil, false
	}
	return name, !more || len(rest) > 1 && (rest[0] == '@' || rest[0] == '#' || rest[0] == 'T' || rest[0] == 'c') &&
		isPrintable(rest)
}

// isStatsDName reports whether b consists of letters, digits and separators.
func isStatsDName(b []byte) bool {
	for _, c := range b {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' && c != '/' {
			return false
		}
	}
	return true
}

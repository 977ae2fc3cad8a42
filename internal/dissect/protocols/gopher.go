// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// gopher: a selector, and a menu: lines of type and name, selector, host and port, with tabs between them.
var gopherProtocol = &dissect.Protocol{
	Name:      "gopher",
	Spec:      "RFC 1436 §2, §3.8, §3.9",
	Category:  "web",
	Over:      dissect.TCP,
	Ports:     []uint16{70},
	MinLength: 1,
	Members:   []string{"gopher.host", "gopher.selector"},
	Inspect:   inspectGopher,
}

func inspectGopher(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const maxSelector, peek = 255, 1024
	selector, _, whole := cutLine(c.ToServer())
	answer := c.ToClient()
	if len(selector) > maxSelector || !isPrintable(selector) || c.ServerFirst() {
		return dissect.No
	}
	line, _, ended := cutLine(answer[:min(len(answer), peek)])
	if !whole || !ended {
		return moreIf(len(answer) < peek && (len(answer) == 0 || isGopherType(answer[0])))
	}
	host, ok := gopherHost(line)
	if !ok {
		return dissect.No
	}
	o := r.Object("gopher")
	o.Text("selector", selector)
	o.Text("host", host)
	return dissect.Yes
}

// gopherHost reads a menu's line and returns its host. Gopher+ adds fields after the port.
func gopherHost(line []byte) (host []byte, ok bool) {
	const where, port, fields = 2, 3, 4
	var words [fields][]byte
	for i := range words {
		if words[i], line, ok = bytes.Cut(line, []byte{'\t'}); !ok && i < fields-1 {
			return nil, false
		}
	}
	if len(words[0]) == 0 || !isGopherType(words[0][0]) || len(words[port]) == 0 || len(words[port]) > 5 ||
		!isDigits(words[port]) {
		return nil, false
	}
	return words[where], true
}

// isGopherType reports whether b is a type of §3.8, or another one in use.
func isGopherType(b byte) bool {
	return b >= '0' && b <= '9' || b == '+' || b == 'T' || b == 'g' || b == 'I' || b == 'i' || b == 'h' || b == 's' ||
		b == 'd' || b == 'p' || b == ';'
}

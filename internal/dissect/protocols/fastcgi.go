// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// fastcgi: FCGI_BEGIN_REQUEST, nearly all of whose 16 bytes are fixed, and the parameters after it.
var fastcgiProtocol = &dissect.Protocol{
	Name:      "fastcgi",
	Spec:      "FastCGI Specification §3.3, §5.1, §3.4",
	Category:  "web",
	Over:      dissect.TCP,
	Ports:     []uint16{9000},
	Start:     dissect.BytesOf(1),
	MinLength: fastcgiHeader,
	Members:   []string{"fastcgi.method", "fastcgi.script", "fastcgi.user_agent"},
	Inspect:   inspectFastCGI,
}

const (
	fastcgiHeader = 8 // version, type, request (2), length (2), padding, reserved
	// fastcgiMaxPairs bounds the parameters read; web servers send about 30.
	fastcgiMaxPairs = 64
)

func inspectFastCGI(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.ToServer()
	const beginBody = 8 // role (2), flags, reserved (5)
	if len(b) < fastcgiHeader+beginBody {
		return dissect.NeedMore
	}
	const begin, params = 1, 4
	if b[0] != 1 || b[1] != begin || be16(b[4:]) != beginBody || b[7] != 0 || be16(b[8:]) < 1 || be16(b[8:]) > 3 ||
		b[10] > 1 || be32(b[11:]) != 0 || b[15] != 0 {
		return dissect.No
	}
	b = b[min(len(b), fastcgiHeader+beginBody+int(b[6])):]
	if len(b) < fastcgiHeader {
		return dissect.YesMore
	}
	if b[0] != 1 || b[1] != params {
		return dissect.No
	}
	size := be16(b[4:])
	if len(b) < fastcgiHeader+size {
		return dissect.YesMore
	}
	fastcgiTell(b[fastcgiHeader:fastcgiHeader+size], r)
	return dissect.Yes
}

// fastcgiTell writes name-value pairs, each after both lengths.
func fastcgiTell(b []byte, r *dissect.Result) {
	var method, script, agent []byte
	for range fastcgiMaxPairs {
		nameSize, rest, ok := fastcgiLength(b)
		if !ok {
			break
		}
		valueSize, rest, ok := fastcgiLength(rest)
		if !ok || nameSize+valueSize > len(rest) {
			break
		}
		name, value := rest[:nameSize], rest[nameSize:nameSize+valueSize]
		b = rest[nameSize+valueSize:]
		switch string(name) {
		case "REQUEST_METHOD":
			method = value
		case "SCRIPT_NAME":
			script = value
		case "HTTP_HOST":
			r.SetHost(cutPort(value))
		case "HTTP_USER_AGENT":
			agent = value
		}
	}
	o := r.Object("fastcgi")
	o.Text("method", method)
	o.Text("script", script)
	o.Text("user_agent", agent)
}

// fastcgiLength reads a length of one byte, or of four bytes with the highest bit set.
func fastcgiLength(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 || b[0]&0x80 != 0 && len(b) < 4 {
		return 0, nil, false
	}
	if b[0]&0x80 == 0 {
		return int(b[0]), b[1:], true
	}
	return int(ube32(b) & 0x7fffffff), b[4:], true
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rsh and rlogin: the remote shell of rshd(8), and rlogin (RFC 1282): zero-terminated texts, and as the answer a zero
// byte, or a one and the reason of the refusal.
var rshProtocol = &dissect.Protocol{
	Name:      "rsh",
	Also:      []string{"rlogin"},
	Spec:      "rshd(8); RFC 1282 §3.1",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{513, 514},
	Start:     dissect.ByteRange('0', '9').Or(dissect.BytesOf(0)),
	MinLength: 4,
	Members: []string{"rlogin.client_user", "rlogin.server_user", "rsh.client_user", "rsh.command",
		"rsh.server_user"},
	Inspect: inspectRSH,
}

func inspectRSH(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, answer := c.ToServer(), c.ToClient()
	if len(answer) > 0 && answer[0] != 0 && !isRSHRefusal(answer) || len(request) > 0 && request[0] != 0 &&
		(request[0] < '0' || request[0] > '9') {
		return dissect.No
	}
	var texts [4][]byte // rsh: port for errors, local user, remote user, command; rlogin: none, users, terminal/speed
	rest := request
	for i := range texts {
		end := 0
		for end < len(rest) && rest[end] >= ' ' && rest[end] < 0x7f {
			end++
		}
		if end == len(rest) {
			return dissect.NeedMore
		}
		if rest[end] != 0 || i > 0 && end == 0 {
			return dissect.No
		}
		texts[i], rest = rest[:end], rest[end+1:]
	}
	if len(texts[0]) > 5 || len(texts[0]) > 0 && !isDigits(texts[0]) {
		return dissect.No
	}
	rlogin := len(texts[0]) == 0
	if rlogin && !isRloginTerminal(texts[3]) {
		return dissect.No
	}
	if len(answer) == 0 {
		return dissect.NeedMore
	}
	name := "rsh"
	if rlogin {
		name = "rlogin"
		r.SetProtocol(name)
	}
	o := r.Object(name)
	o.Text("client_user", texts[1])
	o.Text("server_user", texts[2])
	if !rlogin {
		o.Text("command", texts[3])
	}
	return dissect.Yes
}

// isRSHRefusal reports whether b is a one and a line of text, as far as it has arrived.
func isRSHRefusal(b []byte) bool {
	line, _, _ := cutLine(b[1:min(len(b), dissect.MaxText)])
	return b[0] == 1 && isPrintable(line)
}

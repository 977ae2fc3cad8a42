// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// syslog: "<PRI>" and a message (RFC 3164 §4.1, RFC 5424 §6), over UDP and over TCP, there also after an octet count
// (RFC 6587 §3.4.1).
var syslogProtocol = &dissect.Protocol{
	Name:      "syslog",
	Spec:      "RFC 5424 §6; RFC 3164 §4.1; RFC 6587 §3.4",
	Category:  "system",
	Over:      dissect.UDP | dissect.TCP,
	Ports:     []uint16{514, 601},
	Start:     dissect.BytesOf('<'),
	MinLength: 8,
	Heuristic: true,
	Members:   []string{"syslog.app", "syslog.facility", "syslog.host", "syslog.severity"},
	Inspect:   inspectSyslog,
}

func inspectSyslog(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.TCP {
		b = syslogCounted(b)
	}
	priority, rest, ok := syslogPriority(b)
	if !ok {
		return moreIf(c.Transport == dissect.TCP && len(b) < len("<191>") && isPrintable(b))
	}
	if len(rest) < 16 && c.Transport == dissect.TCP && !c.Last {
		return dissect.NeedMore
	}
	o := r.Object("syslog")
	o.Int("facility", int64(priority>>3))
	o.Int("severity", int64(priority&7))
	if host, app, ok := syslog5424(rest); ok {
		o.Text("host", host)
		o.Text("app", app)
		return dissect.Yes
	}
	if host, tag, ok := syslog3164(rest); ok {
		o.Text("host", host)
		o.Text("app", tag)
		return dissect.Yes
	}
	// Many senders omit the time or use another form: then only a line of text with a tag, at syslog's port, counts.
	line, _, _ := bytes.Cut(rest[:min(len(rest), 128)], []byte("\n"))
	if (c.HasPort(514) || c.HasPort(601)) && len(line) >= 8 && isPrintable(line) && bytes.IndexByte(line, ':') > 0 {
		return dissect.Yes
	}
	return dissect.No
}

// syslogCounted removes "123 " before the message.
func syslogCounted(b []byte) []byte {
	const maxDigits = 5
	for i, c := range b[:min(len(b), maxDigits+1)] {
		if c == ' ' && i > 0 {
			return b[i+1:]
		}
		if c < '0' || c > '9' {
			break
		}
	}
	return b
}

// syslogPriority reads "<PRI>": facility (0 to 23) and severity, without leading zeros.
func syslogPriority(b []byte) (priority int, rest []byte, ok bool) {
	const most = 23<<3 | 7
	if len(b) < 3 || b[0] != '<' {
		return 0, nil, false
	}
	for i := 1; i < min(len(b), 5); i++ {
		switch digit := b[i]; {
		case digit == '>' && i > 1:
			return priority, b[i+1:], priority <= most && (b[1] != '0' || i == 2)
		case digit < '0' || digit > '9':
			return 0, nil, false
		}
		priority = priority*10 + int(b[i]-'0')
	}
	return 0, nil, false
}

// syslog5424 reads "1 2003-10-11T22:14:15.003Z host app ...": version, time or "-", host, application.
func syslog5424(b []byte) (host, app []byte, ok bool) {
	if !hasPrefix(b, "1 ") {
		return nil, nil, false
	}
	stamp, rest, ok := bytes.Cut(b[2:min(len(b), 400)], []byte(" "))
	if !ok || string(stamp) != "-" && !(len(stamp) >= 20 && stamp[4] == '-' && stamp[7] == '-' && stamp[10] == 'T') {
		return nil, nil, false
	}
	host, rest, ok1 := bytes.Cut(rest, []byte(" "))
	app, _, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || len(host) == 0 || len(app) == 0 || !isPrintable(host) || !isPrintable(app) {
		return nil, nil, false
	}
	return withoutDash(host), withoutDash(app), true
}

// withoutDash returns nil for RFC 5424's nil value.
func withoutDash(b []byte) []byte {
	if string(b) == "-" {
		return nil
	}
	return b
}

const syslogMonths = "JanFebMarAprMayJunJulAugSepOctNovDec"

// syslog3164 reads "Oct 11 22:14:15 host tag: ..."; a byte that no tag contains ends the tag. Some senders write a year
// or omit the host.
func syslog3164(b []byte) (host, tag []byte, ok bool) {
	const stamp = len("Oct 11 22:14:15 ")
	if len(b) > 0 && b[0] == '*' { // the clock is not set
		b = b[1:]
	}
	if len(b) < stamp || bytes.Index([]byte(syslogMonths), b[:3])%3 != 0 || b[3] != ' ' || b[6] != ' ' ||
		!isDigitOrSpace(b[4]) || !isDigitOrSpace(b[5]) {
		return nil, nil, false
	}
	b = b[7:]
	if len(b) > 5 && b[4] == ' ' && b[0] == '2' && b[1] == '0' {
		b = b[5:] // a year
	}
	if len(b) < 9 || b[2] != ':' || b[5] != ':' {
		return nil, nil, false
	}
	_, rest, _ := bytes.Cut(b[:min(len(b), 300)], []byte(" "))
	host, rest, _ = bytes.Cut(rest, []byte(" "))
	if !isPrintable(host) || len(host) == 0 || host[len(host)-1] == ':' {
		return nil, nil, true
	}
	end := bytes.IndexAny(rest, "[: ")
	if end < 0 || end > 48 || !isPrintable(rest[:end]) {
		end = 0
	}
	return host, rest[:end], true
}

func isDigitOrSpace(c byte) bool { return c == ' ' || c >= '0' && c <= '9' }

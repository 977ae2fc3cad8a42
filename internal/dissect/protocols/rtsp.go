// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// rtsp: Real-Time Streaming Protocol, versions 1.0 (RFC 2326) and 2.0 (RFC 7826), over TCP and UDP. SETUP announces
// RTP.
var rtspProtocol = &dissect.Protocol{
	Name:      "rtsp",
	Spec:      "RFC 7826 §7, §8, §18.54; RFC 2326 §12.39",
	Category:  "video-streaming",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{554, 8554},
	Start:     dissect.FirstBytes(append([]string{"RTSP/", "\r", "\n"}, rtspMethods...)...),
	MinLength: 8,
	Extra:     16, // SETUP is about the fourth request
	Members:   []string{"rtsp.method", "rtsp.server", "rtsp.status", "rtsp.url", "rtsp.user_agent"},
	Inspect:   inspectRTSP,
}

var rtspMethods = []string{"OPTIONS", "DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER",
	"SET_PARAMETER", "REDIRECT", "RECORD", "PLAY_NOTIFY"}

// rtspMaxLines bounds the lines read of a direction: a dozen messages of a dozen fields, and their bodies.
const rtspMaxLines = maxLines

// rtspFacts holds fields of both directions.
type rtspFacts struct {
	method, url, agent, server []byte
	status                     int
}

func inspectRTSP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var f rtspFacts
	up, down := c.ToServer(), c.ToClient()
	if c.Transport == dissect.UDP {
		up, down = c.Datagrams[0].Payload, nil
	}
	verdict := dissect.NeedMore
	for _, b := range [2][]byte{up, down} {
		if len(b) == 0 {
			continue
		}
		switch v := rtspStart(b, c.Last); v {
		case dissect.No:
			return dissect.No
		case dissect.Yes:
			verdict = dissect.YesMore
			f.read(b, c, r)
		}
	}
	if verdict == dissect.YesMore {
		f.tell(r)
	}
	return verdict
}

// rtspStart reads the first line: a method, an absolute URL or "*", and the version; or the version and a status.
func rtspStart(b []byte, last bool) dissect.Verdict {
	if b = bytes.TrimLeft(b[:min(len(b), maxRTSPLine)], "\r\n"); len(b) == 0 && !last {
		return dissect.NeedMore // receivers ignore empty lines (RFC 7826 §5.1)
	}
	line, _, whole := cutLine(b)
	if !whole && (last || len(line) == maxRTSPLine) || len(line) > 0 && !isPrintable(line) {
		return dissect.No
	}
	if couldBe(line, "RTSP/1.0 ") || couldBe(line, "RTSP/2.0 ") {
		if !whole {
			return dissect.NeedMore
		}
		if len(line) < len("RTSP/1.0 200") || replyCode(line[len("RTSP/1.0 "):]) == 0 {
			return dissect.No
		}
		return dissect.Yes
	}
	method, rest, found := bytes.Cut(line, []byte{' '})
	switch {
	case found && !hasVerb(method, rtspMethods...):
		return dissect.No
	case !whole && (found || rtspMethodBegins(line)):
		return dissect.NeedMore
	case !bytes.HasSuffix(rest, []byte(" RTSP/1.0")) && !bytes.HasSuffix(rest, []byte(" RTSP/2.0")):
		return dissect.No
	}
	return dissect.Yes
}

// maxRTSPLine bounds the wait for the end of the first line, in bytes.
const maxRTSPLine = 2048

func rtspMethodBegins(line []byte) bool {
	for _, m := range rtspMethods {
		if couldBe(line, m) {
			return true
		}
	}
	return false
}

// read walks the lines of a direction: requests, responses and their fields, as far as they are text.
func (f *rtspFacts) read(b []byte, c *dissect.Conversation, r *dissect.Result) {
	for range rtspMaxLines {
		line, rest, whole := cutLine(b)
		if !whole {
			return
		}
		b = rest
		switch {
		case hasPrefix(line, "RTSP/"):
			f.status = replyNumber(line)
		case bytes.HasSuffix(line, []byte(" RTSP/1.0")) || bytes.HasSuffix(line, []byte(" RTSP/2.0")):
			if f.method == nil {
				var url []byte
				f.method, url, _ = bytes.Cut(line, []byte{' '})
				f.url, _, _ = bytes.Cut(url, []byte(" RTSP/"))
			}
		case hasPrefixFold(line, "USER-AGENT:"):
			f.agent = argument(line)
		case hasPrefixFold(line, "SERVER:"):
			f.server = argument(line)
		case hasPrefixFold(line, "TRANSPORT:"):
			rtspExpect(line, c, r)
		}
	}
}

// replyNumber returns the status code of a complete status line, 0 for any other line.
func replyNumber(line []byte) int {
	_, rest, _ := bytes.Cut(line, []byte{' '})
	if replyCode(rest) == 0 {
		return 0
	}
	n, _, _ := cutNumber(rest)
	return n
}

// rtspExpect announces the flows of a Transport field: "RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257".
func rtspExpect(line []byte, c *dissect.Conversation, r *dissect.Result) {
	if bytes.Contains(line, []byte("/TCP")) {
		return // interleaved
	}
	for _, end := range [...]struct {
		name string
		addr netip.Addr
	}{{";client_port=", c.Client.Addr()}, {";server_port=", c.Server.Addr()}} {
		_, value, found := bytes.Cut(line, []byte(end.name))
		if !found {
			continue
		}
		port, _, ok := cutNumber(value)
		if !ok || port == 0 || port >= 0xffff {
			continue
		}
		r.Expect(dissect.Expectation{Server: netip.AddrPortFrom(end.addr, uint16(port)), Over: dissect.UDP,
			Protocol: "rtp"})
		r.Expect(dissect.Expectation{Server: netip.AddrPortFrom(end.addr, uint16(port+1)), Over: dissect.UDP,
			Protocol: "rtcp"})
	}
}

func (f *rtspFacts) tell(r *dissect.Result) {
	if _, rest, found := bytes.Cut(f.url, []byte("://")); found {
		host, _, _ := bytes.Cut(rest, []byte{'/'})
		if i := bytes.LastIndexByte(host, '@'); i >= 0 {
			host = host[i+1:]
			r.Risk(record.RiskCleartextCredentials)
		}
		host, _, _ = bytes.Cut(host, []byte{':'})
		if looksLikeHost(host) && !parseAddr(host).IsValid() {
			r.SetHost(host)
		}
	}
	o := r.Object("rtsp")
	o.Text("method", f.method)
	o.Text("url", f.url)
	if f.status != 0 {
		o.Int("status", int64(f.status))
	}
	o.Text("user_agent", f.agent)
	o.Text("server", f.server)
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/dns"
)

// describeMDNS writes the service types ("_ipp._tcp.local") in the flow's remembered messages, queried or announced:
// the names of PTR questions and records (RFC 6763 §4), each once. It writes those of responses, the sender's own,
// separately, and with them the name that a sender gives its address.
func describeMDNS(o *dissect.Object, c *dissect.Conversation) {
	var all, announced serviceNames
	var hostRoom [dns.MaxText]byte
	var host []byte
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		m, ok := checkDNS(d.Payload, d.Length > len(d.Payload), dnsMulticast)
		if !ok {
			continue
		}
		sender := c.Server.Addr()
		if d.FromClient {
			sender = c.Client.Addr()
		}
		walk := dnsWalk{m: &m, off: dns.HeaderSize}
		for e, ok := walk.next(); ok; e, ok = walk.next() {
			switch {
			case e.kind == dns.TypePTR:
				var text [dns.MaxText]byte
				service := appendService(text[:0], m.bytes, e.name)
				all.add(service)
				if m.header.IsResponse() {
					announced.add(service)
				}
			case host == nil && m.header.IsResponse() && (e.kind == dns.TypeA || e.kind == dns.TypeAAAA):
				if a, ok := netip.AddrFromSlice(e.data); ok && a == sender {
					host, _ = dns.AppendName(hostRoom[:0], m.bytes, e.name)
				}
			}
		}
	}
	all.write(o, "services")
	announced.write(o, "announced")
	o.Text("host_name", host)
}

// serviceNames collects names, each once, as far as they fit.
type serviceNames struct {
	room [1024]byte
	ends [dissect.MaxList]int
	n    int
}

func (s *serviceNames) at(i int) []byte {
	start := 0
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.room[start:s.ends[i]]
}

func (s *serviceNames) add(name []byte) {
	used := 0
	if s.n > 0 {
		used = s.ends[s.n-1]
	}
	if len(name) == 0 || s.n == len(s.ends) || len(name) > len(s.room)-used {
		return
	}
	for i := range s.n {
		if bytes.EqualFold(s.at(i), name) {
			return
		}
	}
	s.ends[s.n] = used + copy(s.room[used:], name)
	s.n++
}

func (s *serviceNames) write(o *dissect.Object, field string) {
	o.List(field, s.n, func(b []byte, i int) []byte { return record.AppendText(b, s.at(i)) })
}

// dnsWalk iterates over the questions and records of a message.
type dnsWalk struct {
	m     *dnsMessage
	off   int
	count int
}

// dnsEntry is a question or a record, which may have data.
type dnsEntry struct {
	name int // offset
	kind uint16
	data []byte
}

func (w *dnsWalk) next() (e dnsEntry, ok bool) {
	questions := int(w.m.header.Questions)
	if w.count >= min(questions+w.m.header.Records(), maxDNSRecords) {
		return e, false
	}
	w.count++
	e.name = w.off
	if w.count <= questions {
		q, end, err := dns.ParseQuestion(w.m.bytes, w.off)
		w.off, e.kind = end, q.Type
		return e, err == nil
	}
	record, end, err := dns.ParseRecord(w.m.bytes, w.off)
	w.off, e.kind, e.data = end, record.Type, record.Data
	return e, err == nil
}

// appendService appends the name at off if it is a service type, but no names of addresses or other things.
func appendService(dst, msg []byte, off int) []byte {
	name, err := dns.AppendName(dst, msg, off)
	if err != nil || len(name) == 0 || name[0] != '_' || !bytes.Contains(name, []byte("._tcp")) &&
		!bytes.Contains(name, []byte("._udp")) {
		return nil
	}
	return name
}

// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"bytes"

	"github.com/weirnet/weir/internal/wire/dns"
)

// describeMDNS writes the service types ("_ipp._tcp.local") that the remembered messages of the flow ask for or announce: the names of PTR
// questions and records (RFC 6763 §4), each once. Those that a response announces are the sender's own, and are written apart.
func describeMDNS(o *Object, c *Conversation) {
	var all, announced serviceNames
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		m, ok := checkDNS(d.Payload, d.Length > len(d.Payload), dnsMulticast)
		if !ok {
			continue
		}
		walk := pointerNames{m: &m, off: dns.HeaderSize}
		for off, ok := walk.next(); ok; off, ok = walk.next() {
			var text [dns.MaxText]byte
			service := appendService(text[:0], m.bytes, off)
			all.add(service)
			if m.header.IsResponse() {
				announced.add(service)
			}
		}
	}
	all.write(o, "services")
	announced.write(o, "announced")
}

// serviceNames are names, each once, as far as there is room.
type serviceNames struct {
	room [1024]byte
	ends [MaxList]int
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

func (s *serviceNames) write(o *Object, field string) {
	o.list(field, s.n, func(b []byte, i int) []byte { return AppendText(b, s.at(i)) })
}

// pointerNames walks the questions and records of a message.
type pointerNames struct {
	m     *dnsMessage
	off   int
	count int
}

// next is the offset of the name of the next PTR question or record.
func (w *pointerNames) next() (off int, ok bool) {
	questions := int(w.m.header.Questions)
	for ; w.count < min(questions+w.m.header.Records(), maxDNSRecords); w.count++ {
		name, kind := w.off, uint16(0)
		if w.count < questions {
			q, end, err := dns.ParseQuestion(w.m.bytes, w.off)
			if err != nil {
				return 0, false
			}
			w.off, kind = end, q.Type
		} else {
			record, end, err := dns.ParseRecord(w.m.bytes, w.off)
			if err != nil {
				return 0, false
			}
			w.off, kind = end, record.Type
		}
		if kind == dns.TypePTR {
			w.count++
			return name, true
		}
	}
	return 0, false
}

// appendService appends the name at off where it is a service type, and nothing where it is an address's or other name.
func appendService(dst, msg []byte, off int) []byte {
	name, err := dns.AppendName(dst, msg, off)
	if err != nil || len(name) == 0 || name[0] != '_' || !bytes.Contains(name, []byte("._tcp")) && !bytes.Contains(name, []byte("._udp")) {
		return nil
	}
	return name
}

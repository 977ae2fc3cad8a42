// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"bytes"

	"github.com/weirnet/weir/internal/wire/dns"
)

// describeMDNS writes the service types ("_ipp._tcp.local") that the remembered messages of the flow ask for or announce:
// the names of PTR questions and records (RFC 6763 §4), each once.
func describeMDNS(o *Object, c *Conversation) {
	var room [1024]byte
	var names [MaxList][]byte
	free, n := room[:], 0
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		m, ok := checkDNS(d.Payload, d.Length > len(d.Payload), dnsMulticast)
		if !ok {
			continue
		}
		walk := pointerNames{m: &m, off: dns.HeaderSize}
		for off, ok := walk.next(); ok && n < len(names); off, ok = walk.next() {
			var text [dns.MaxText]byte
			service := appendService(text[:0], m.bytes, off)
			if len(service) == 0 || len(service) > len(free) || hasService(names[:n], service) {
				continue
			}
			names[n] = free[:copy(free, service)]
			free = free[len(service):]
			n++
		}
	}
	o.Texts("services", names[:n])
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

func hasService(list [][]byte, name []byte) bool {
	for _, known := range list {
		if bytes.EqualFold(known, name) {
			return true
		}
	}
	return false
}

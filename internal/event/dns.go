// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strconv"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/dns"
)

const (
	// maxQuestions bounds the questions that are told of one message: only Multicast DNS has more than one.
	maxQuestions = 16
	// maxAnswers bounds the answers that an event has.
	maxAnswers = 32
	// maxAnswerText bounds the texts of an event's answers, in bytes.
	maxAnswerText = 4096
)

// Datagram takes a packet of a flow that speaks DNS, Multicast DNS or LLMNR over UDP.
func (m *Maker) Datagram(p *Packet) { m.message(p, p.Payload) }

// message takes a DNS message, whose end the capture may lack. It passes over what is no sound beginning of one.
func (m *Maker) message(p *Packet, b []byte) {
	h, err := dns.ParseHeader(b)
	if err != nil || h.Opcode() > dns.OpDSO {
		return
	}
	off := dns.HeaderSize
	for n := range int(h.Questions) {
		if n == maxQuestions {
			m.Counters.Omitted++
			break
		}
		q, end, err := dns.ParseQuestion(b, off)
		if err != nil {
			return
		}
		off = end
		if !h.IsResponse() {
			m.question(p, b, &h, &q)
		} else if n == 0 {
			m.answer(p, b, &h, &q)
		}
	}
	if h.Questions == 0 && h.IsResponse() {
		m.answer(p, b, &h, nil)
	}
}

// question keeps a question until its answer comes. Those to a group have many answers or none, which come on their
// own (RFC 6762 §6): they are told at once.
func (m *Maker) question(p *Packet, b []byte, h *dns.Header, q *dns.Question) {
	if !p.Multicast {
		m.wait(p, b, h, q)
		return
	}
	o := begin(m.content)
	var name [dns.MaxText]byte
	text, _ := dns.AppendName(name[:0], b, q.Name)
	appendQuestion(&o, "query", h.ID, h.Opcode(), text, q.Type, q.Class)
	o.flag("rd", h.Flags&dns.RecursionDesired != 0)
	m.put(record.TypeDNS, p.Flow, p.Number, p.Time, o.end())
}

// appendQuestion appends what query and answer have both.
func appendQuestion(o *object, kind string, id uint16, opcode int, name []byte, rrtype, class uint16) {
	o.string("type", kind)
	o.number("id", int64(id))
	o.positive("opcode", int64(opcode))
	o.name("rrname")
	o.b = record.AppendText(o.b, name)
	o.name("rrtype")
	o.b = appendType(o.b, rrtype)
	if class &= 0x7fff; class != dns.ClassIN { // the highest bit is Multicast DNS's (RFC 6762 §5.4)
		o.name("rrclass")
		o.b = appendMnemonic(o.b, dns.ClassName(class), "CLASS", class)
	}
}

func appendType(b []byte, t uint16) []byte { return appendMnemonic(b, dns.TypeName(t), "TYPE", t) }

// appendMnemonic appends a name, or a number in the form of RFC 3597 §5.
func appendMnemonic(b []byte, name, prefix string, n uint16) []byte {
	b = append(b, '"')
	if name != "" {
		return append(append(b, name...), '"')
	}
	return append(strconv.AppendUint(append(b, prefix...), uint64(n), 10), '"')
}

// answer tells of an answer, and of the question that it answers. q is nil if the answer repeats none.
func (m *Maker) answer(p *Packet, b []byte, h *dns.Header, q *dns.Question) {
	var entry *question
	if !p.Multicast {
		entry = m.asked(p, b, h, q)
	}
	var name [dns.MaxText]byte
	text := name[:0]
	rrtype, class, records := uint16(0), uint16(dns.ClassIN), recordsOf(b, h)
	switch {
	case q != nil:
		text, _ = dns.AppendName(text, b, q.Name)
		rrtype, class = q.Type, q.Class
	case entry != nil:
		text = append(text, entry.name()...)
		rrtype, class = entry.kind, entry.class
	default:
		r, _, err := dns.ParseRecord(b, records)
		if err != nil {
			return // it names nothing
		}
		text, _ = dns.AppendName(text, b, r.Name)
		rrtype, class = r.Type, r.Class
	}
	o := begin(m.content)
	appendQuestion(&o, "answer", h.ID, h.Opcode(), text, rrtype, class)
	o.name("rcode")
	o.b = appendMnemonic(o.b, dns.RCodeName(h.RCode()), "RCODE", uint16(h.RCode()))
	o.flag("aa", h.Flags&dns.Authoritative != 0)
	o.flag("tc", h.Flags&dns.Truncated != 0)
	o.flag("rd", h.Flags&dns.RecursionDesired != 0)
	o.flag("ra", h.Flags&dns.RecursionAvailable != 0)
	appendAnswers(&o, b, records, int(h.Answers))
	if entry == nil {
		m.put(record.TypeDNS, p.Flow, p.Number, p.Time, o.end())
		return
	}
	o.number("rtt_us", microseconds(entry.time, p.Time))
	o.positive("repeats", int64(entry.repeats))
	m.event = entry.event
	m.event.Number = p.Number
	m.pending.remove(entry)
	m.putAs(record.TypeDNS, entry.time, o.end())
}

// recordsOf returns the offset of the first record.
func recordsOf(b []byte, h *dns.Header) int {
	off := dns.HeaderSize
	for range min(int(h.Questions), len(b)/5) { // a question has 5 bytes at least
		_, end, err := dns.ParseQuestion(b, off)
		if err != nil {
			return len(b)
		}
		off = end
	}
	return off
}

// appendAnswers appends the records of the answer section, as many as there is room for.
func appendAnswers(o *object, b []byte, off, count int) {
	start, told := len(o.b), 0
	for ; told < min(count, maxAnswers) && len(o.b)-start < maxAnswerText; told++ {
		r, end, err := dns.ParseRecord(b, off)
		if err != nil {
			break
		}
		off = end
		if told == 0 {
			o.name("answers")
			o.b = append(o.b, '[')
		} else {
			o.b = append(o.b, ',')
		}
		appendAnswer(o, b, &r)
	}
	if told > 0 {
		o.b = append(o.b, ']')
	}
	o.positive("answers_omitted", int64(count-told))
}

func appendAnswer(o *object, b []byte, r *dns.Record) {
	var store [dns.MaxData]byte
	name, _ := dns.AppendName(store[:0], b, r.Name)
	o.b = record.AppendText(append(o.b, `{"rrname":`...), name)
	o.b = appendType(append(o.b, `,"rrtype":`...), r.Type)
	o.b = strconv.AppendUint(append(o.b, `,"ttl":`...), uint64(r.TTL), 10)
	if data := dns.AppendData(store[:0], b, r); len(data) > 0 {
		o.b = record.AppendText(append(o.b, `,"rdata":`...), data)
	}
	o.b = append(o.b, '}')
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strconv"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/dns"
)

// dnsMembers are those that DNS fills over any transport.
var dnsMembers = []string{
	"dns.announced", "dns.answer_ttl", "dns.answers", "dns.authoritative", "dns.class", "dns.ech",
	"dns.edns_size", "dns.host_name", "dns.operation", "dns.queries", "dns.queries_omitted", "dns.query",
	"dns.rcode", "dns.services", "dns.truncated", "dns.type",
}

// dns, mdns and llmnr: DNS over UDP (RFC 1035 §4.2.1), and the protocols with its message format: Multicast DNS (RFC
// 6762, port 5353) and Link-Local Multicast Name Resolution (RFC 4795, port 5355). The message shows that it is DNS;
// the port selects among the three.
var dnsProtocol = &dissect.Protocol{
	Name:      "dns",
	Also:      []string{"mdns", "llmnr", "dnscrypt"},
	Spec:      "RFC 1035 §4; RFC 6891; RFC 9460; RFC 6762; RFC 4795",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{portDNS, portMDNS, portLLMNR},
	Start:     dissect.ByteRange(0, 255), // the identifier is random
	MinLength: dns.HeaderSize + 5,
	Heuristic: true,
	Extra:     dissect.MaxExtra, // stubs and forwarders send many queries from one port, and each answer is a hint
	Members:   dnsMembers,
	Inspect:   inspectDNS,
}

// DNS over TCP: two bytes of length before each message (RFC 1035 §4.2.2, RFC 7766).
var dnsOverTCPProtocol = &dissect.Protocol{
	Name:     "dns",
	Also:     []string{"mdns", "llmnr", "dnscrypt"},
	Spec:     "RFC 1035 §4.2.2; RFC 7766",
	Category: "network",
	Over:     dissect.TCP,
	Ports:    []uint16{portDNS, portMDNS, portLLMNR},
	// The length's first byte: 0 for a question, up to 767 bytes for an answer without one
	Start:     dissect.ByteRange(0, 2),
	MinLength: 2 + dns.HeaderSize + 5,
	Extra:     dissect.MaxExtra, // questions may follow one another (RFC 7766 §6.2.1)
	Members:   dnsMembers,
	Inspect:   inspectDNSOverTCP,
}

const (
	portDNS  = 53
	portMDNS = 5353
	// maxDNSMessages bounds the messages read of one stream.
	maxDNSMessages = 64
	// maxDNSRecords bounds the records read of one message; 16 KiB can hold 1,488 of 11 bytes.
	maxDNSRecords = 256
)

// dnsMessage is a message that passed checkDNS.
type dnsMessage struct {
	bytes    []byte
	header   dns.Header
	question dns.Question // the first, if any
	records  int          // offset of the first record
	whole    bool         // all records are available
}

func inspectDNS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	first := &c.Datagrams[0]
	m, ok := checkDNS(first.Payload, first.Length > len(first.Payload), dnsLeniency(c))
	if !ok {
		return inspectDNSCryptCertificate(c, r)
	}
	noteDNS(&m, r)
	if newest := c.Newest(); newest == first {
		hintDNS(&m, r)
	} else if n, ok := checkDNS(newest.Payload, newest.Length > len(newest.Payload), dnsLeniency(c)); ok {
		hintDNS(&n, r)
		noteDNS(&n, r)
	}
	var reply dnsMessage
	for i := 1; i < len(c.Datagrams) && !m.header.IsResponse(); i++ {
		d := &c.Datagrams[i]
		n, ok := checkDNS(d.Payload, d.Length > len(d.Payload), dnsLeniency(c))
		// Every host with an answer sends it, to all, without the question's identifier (RFC 6762 §6, §18.1).
		answers := n.header.ID == m.header.ID && d.FromClient != first.FromClient || c.HasPort(portMDNS)
		if ok && n.header.IsResponse() && answers {
			reply = n
			break
		}
	}
	describeDNS(c, &m, &reply, r)
	return dissect.YesMore
}

func inspectDNSOverTCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	first, ready, ok := dnsFromStream(c.First(), c)
	if !ok {
		return dissect.No
	}
	if !ready {
		return dissect.NeedMore
	}
	var reply dnsMessage
	if second := c.Second(); len(second) > 0 && !first.header.IsResponse() {
		reply, ready, ok = dnsFromStream(second, c)
		if ok && ready && reply.header.ID != first.header.ID {
			reply = dnsMessage{}
		}
	}
	hintDNS(&first, r)
	hintDNS(&reply, r)
	noteDNSStream(c.First(), c, r)
	noteDNSStream(c.Second(), c, r)
	describeDNS(c, &first, &reply, r)
	return dissect.YesMore
}

// noteDNS notes the names in a message's questions.
func noteDNS(m *dnsMessage, r *dissect.Result) {
	off := dns.HeaderSize
	for range min(int(m.header.Questions), maxDNSRecords) {
		q, end, err := dns.ParseQuestion(m.bytes, off)
		if err != nil {
			return
		}
		off = end
		var text [dns.MaxText]byte
		if name, err := dns.AppendName(text[:0], m.bytes, q.Name); err == nil {
			r.Note(name)
		}
	}
}

// noteDNSStream notes the names in the questions of all complete messages of a TCP stream.
func noteDNSStream(b []byte, c *dissect.Conversation, r *dissect.Result) {
	for range maxDNSMessages {
		if len(b) < 2 || len(b) < 2+be16(b) {
			return
		}
		if m, ok := checkDNS(b[2:2+be16(b)], false, dnsLeniency(c)); ok {
			noteDNS(&m, r)
		}
		b = b[2+be16(b):]
	}
}

// dnsFromStream returns the first message of a TCP stream; ready reports that it is complete, or as complete as it
// gets.
func dnsFromStream(b []byte, c *dissect.Conversation) (m dnsMessage, ready, ok bool) {
	if len(b) < 2 {
		return m, false, true
	}
	length := be16(b)
	if length < dns.HeaderSize+5 {
		return m, false, false
	}
	b = b[2:]
	if len(b) >= length {
		m, ok = checkDNS(b[:length], false, dnsLeniency(c))
		return m, true, ok
	}
	m, ok = checkDNS(b, true, dnsLeniency(c))
	if !ok && len(b) < dns.HeaderSize+dns.MaxName+4 && !c.Last {
		return m, false, true // the question may be incomplete
	}
	return m, c.Last, ok && dnsLeniency(c) == dnsOwnPort
}

// dnsPort is the ports' indication for a DNS message.
type dnsPort uint8

const (
	dnsAnyPort dnsPort = iota
	dnsOwnPort
	dnsMulticast
)

func dnsLeniency(c *dissect.Conversation) dnsPort {
	switch {
	case c.HasPort(portMDNS), c.HasPort(portLLMNR):
		return dnsMulticast
	case c.HasPort(portDNS):
		return dnsOwnPort
	}
	return dnsAnyPort
}

// checkDNS reads a message and reports whether it is DNS. At any port its flags and counts must be a resolver's and its
// records must end with the message. At DNS's own ports a sound header and first question suffice, because the
// malformed rest comes from middleboxes and attacks, which matter. cut: the capture lacks part of the message.
func checkDNS(b []byte, cut bool, port dnsPort) (m dnsMessage, ok bool) {
	h, err := dns.ParseHeader(b)
	if err != nil || !dnsFlagsFit(&h, port) || !dnsCountsFit(&h, port) {
		return m, false
	}
	m = dnsMessage{bytes: b, header: h, records: dns.HeaderSize}
	for i := 0; i < int(h.Questions) && i < maxDNSRecords; i++ {
		q, end, err := dns.ParseQuestion(b, m.records)
		if err != nil {
			return m, i > 0 && (cut || port == dnsOwnPort)
		}
		if i == 0 {
			if m.question = q; !dnsQuestionFits(b, &q, port) {
				return m, false
			}
		}
		m.records = end
	}
	off := m.records
	for i := 0; i < h.Records() && i < maxDNSRecords; i++ {
		_, end, err := dns.ParseRecord(b, off)
		if err != nil {
			return m, h.Questions > 0 && (cut || port == dnsOwnPort)
		}
		off = end
	}
	m.whole = true
	return m, off == len(b) || cut || port == dnsOwnPort || h.Records() > maxDNSRecords
}

func dnsFlagsFit(h *dns.Header, port dnsPort) bool {
	opcode := h.Opcode()
	if opcode > dns.OpDSO || opcode == 3 {
		return false
	}
	if port != dnsAnyPort {
		return true
	}
	if h.Flags&dns.Reserved != 0 {
		return false
	}
	return h.IsResponse() || h.Flags&(dns.Authoritative|dns.Truncated|dns.RecursionAvailable) == 0 && h.RCode() == 0
}

func dnsCountsFit(h *dns.Header, port dnsPort) bool {
	switch {
	case port == dnsMulticast:
		// Queries hold several questions and known answers; answers hold no question.
		return h.Questions > 0 && h.Questions < maxDNSRecords || h.IsResponse() && h.Records() > 0
	case h.Opcode() == dns.OpInvers:
		return h.Questions <= 1 && h.Records() > 0
	case h.Questions != 1:
		return port == dnsOwnPort && h.Questions == 0 && h.IsResponse() && h.RCode() != 0
	case port == dnsOwnPort:
		return true
	case h.IsResponse() || h.Opcode() == dns.OpUpdate || h.Opcode() == dns.OpNotify:
		return h.Records() < maxDNSRecords
	}
	return h.Answers == 0 && h.Authorities == 0 && h.Additionals <= 2 // EDNS, and a signature (RFC 8945)
}

func dnsQuestionFits(b []byte, q *dns.Question, port dnsPort) bool {
	class := q.Class
	if port == dnsMulticast {
		class &= 0x7fff // the top bit requests a unicast answer, RFC 6762 §5.4
	}
	if dns.ClassName(class) == "" {
		return false
	}
	return port != dnsAnyPort || dns.TypeName(q.Type) != "" && dnsNameFits(b, q)
}

// dnsNameFits reports whether a question's name is printable; only a few types, those of resolvers, query the root.
func dnsNameFits(b []byte, q *dns.Question) bool {
	const soa, dnskey = 6, 48
	var text [dns.MaxText]byte
	name, err := dns.AppendName(text[:0], b, q.Name)
	if len(name) == 0 {
		return err == nil && (q.Type == dns.TypeNS || q.Type == soa || q.Type == dnskey || q.Type == dns.TypeOPT)
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return err == nil
}

// describeDNS writes the content of the first message and of its reply, if any.
func describeDNS(c *dissect.Conversation, m, reply *dnsMessage, r *dissect.Result) {
	switch {
	case c.HasPort(portMDNS):
		r.SetProtocol("mdns")
	case c.HasPort(portLLMNR):
		r.SetProtocol("llmnr")
	case dnscryptCertificate(m.bytes):
		r.SetProtocol("dnscrypt")
	}
	var text [dns.MaxText]byte
	answer := reply
	if m.header.IsResponse() {
		answer = m
	}
	o := r.Object("dns")
	at, ok := dnsSubject(m)
	if ok {
		if name, err := dns.AppendName(text[:0], m.bytes, at); err == nil {
			r.SetHost(name)
			o.Text("query", name)
		}
	}
	if m.header.Questions > 0 {
		dnsTypeText(o, m.question.Type)
		if class := m.question.Class & 0x7fff; class != dns.ClassIN {
			o.String("class", dns.ClassName(m.question.Class))
		}
	}
	switch m.header.Opcode() {
	case dns.OpNotify:
		o.String("operation", "notify")
	case dns.OpUpdate:
		o.String("operation", "update")
	case dns.OpInvers:
		o.String("operation", "inverse-query")
	}
	if answer.bytes != nil {
		describeDNSAnswer(o, answer)
	}
	if c.HasPort(portMDNS) && c.Transport == dissect.UDP {
		describeMDNS(o, c)
	}
	if size := ednsSize(m); size > 0 {
		o.Int("edns_size", int64(size))
	}
	o.Notes("queries", "queries_omitted")
}

// dnsSubject returns the offset of the message's subject: the name of the first question, else of the first record.
func dnsSubject(m *dnsMessage) (int, bool) {
	if m.header.Questions > 0 {
		return m.question.Name, true
	}
	return m.records, m.header.Records() > 0
}

func dnsTypeText(o *dissect.Object, t uint16) {
	if name := dns.TypeName(t); name != "" {
		o.String("type", name)
		return
	}
	var text [9]byte // "TYPE65535", RFC 3597 §5
	o.Text("type", strconv.AppendUint(append(text[:0], "TYPE"...), uint64(t), 10))
}

// ednsSize returns the UDP payload size in the message's OPT record (RFC 6891 §6.1.2), 0 if it has none.
func ednsSize(m *dnsMessage) uint16 {
	off := m.records
	for range min(m.header.Records(), maxDNSRecords) {
		record, end, err := dns.ParseRecord(m.bytes, off)
		if err != nil {
			return 0
		}
		if record.Type == dns.TypeOPT {
			return record.Class
		}
		off = end
	}
	return 0
}

// describeDNSAnswer writes the response code, the answers as text and their time to live.
func describeDNSAnswer(o *dissect.Object, m *dnsMessage) {
	o.String("rcode", dns.RCodeName(m.header.RCode()))
	if m.header.Flags&dns.Authoritative != 0 {
		o.Bool("authoritative", true)
	}
	if m.header.Flags&dns.Truncated != 0 {
		o.Bool("truncated", true)
	}
	var store [1024]byte
	var texts [dissect.MaxList][]byte
	free, n := store[:], 0
	ttl, off := uint32(1<<32-1), m.records
	ech := false
	for range min(int(m.header.Answers), maxDNSRecords) {
		record, end, err := dns.ParseRecord(m.bytes, off)
		if err != nil {
			break
		}
		off, ttl = end, min(ttl, record.TTL)
		var text [dns.MaxText + 6]byte // room for ":65535"
		if data := dns.AppendData(text[:0], m.bytes, &record); len(data) > 0 && n < len(texts) &&
			len(data) <= len(free) {
			texts[n] = free[:copy(free, data)]
			free = free[len(data):]
			n++
		}
		ech = ech || hasECH(m.bytes, &record)
	}
	o.Texts("answers", texts[:n])
	if off > m.records {
		o.Int("answer_ttl", int64(ttl))
	}
	if ech {
		o.Bool("ech", true)
	}
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/dns"
)

const (
	// maxAliases bounds a chain of CNAMEs; resolvers give up after 8 to 16.
	maxAliases = 10
	// maxHintRecords bounds the answers read for hints: as many as Hints keeps, and the aliases before them.
	maxHintRecords = dissect.MaxHints + maxAliases
)

// hintDNS records the addresses in a response under the name in the question: it follows the CNAMEs from the question,
// and ignores addresses that no alias leads to (RFC 1034 §3.6.2). Multicast DNS answers without a question, so there
// each address belongs to its record's own name (RFC 6762 §6).
func hintDNS(m *dnsMessage, r *dissect.Result) {
	if m.bytes == nil || !m.header.IsResponse() || m.header.Answers == 0 || m.header.Opcode() != dns.OpQuery {
		return
	}
	var buffer [dns.MaxText]byte
	if m.header.Questions == 0 {
		hintOwners(m, r)
		return
	}
	host, err := dns.AppendName(buffer[:0], m.bytes, m.question.Name)
	if err != nil || m.question.Class&0x7fff != dns.ClassIN {
		return
	}
	if m.question.Type == dns.TypeSVCB || m.question.Type == dns.TypeHTTPS {
		host = withoutServiceLabels(host)
	}
	aliases := [maxAliases]int{m.question.Name}
	n := followAliases(m, &aliases)
	off := m.records
	for range min(int(m.header.Answers), maxHintRecords) {
		record, end, err := dns.ParseRecord(m.bytes, off)
		if err != nil {
			return
		}
		off = end
		for _, name := range aliases[:n] {
			if dns.EqualNames(m.bytes, record.Name, name) {
				hintRecord(m, &record, host, r)
				break
			}
		}
	}
}

// followAliases appends the targets of the CNAMEs that lead on from names, and returns their number. Servers write the
// chain in order, so one walk finds all of it; each further walk finds at least one more.
func followAliases(m *dnsMessage, names *[maxAliases]int) int {
	for n := 1; ; {
		before, off := n, m.records
		for range min(int(m.header.Answers), maxHintRecords) {
			record, end, err := dns.ParseRecord(m.bytes, off)
			if err != nil {
				break
			}
			off = end
			if n < maxAliases && record.Type == dns.TypeCNAME && dns.EqualNames(m.bytes, record.Name, names[n-1]) {
				names[n] = record.Offset
				n++
			}
		}
		if n == before || n == maxAliases {
			return n
		}
	}
}

// hintOwners records the addresses of all records of a message, each under its owner's name.
func hintOwners(m *dnsMessage, r *dissect.Result) {
	off := m.records
	for range min(m.header.Records(), maxHintRecords) {
		record, end, err := dns.ParseRecord(m.bytes, off)
		if err != nil {
			return
		}
		off = end
		if record.Type != dns.TypeA && record.Type != dns.TypeAAAA {
			continue
		}
		var buffer [dns.MaxText]byte
		if host, err := dns.AppendName(buffer[:0], m.bytes, record.Name); err == nil {
			hintRecord(m, &record, host, r)
		}
	}
}

// hintRecord records the addresses of one record as those of host.
func hintRecord(m *dnsMessage, record *dns.Record, host []byte, r *dissect.Result) {
	if record.Class&0x7fff != dns.ClassIN || len(host) == 0 {
		return
	}
	switch record.Type {
	case dns.TypeA:
		hintAddrs(record.Data, 4, host, record.TTL, r)
	case dns.TypeAAAA:
		hintAddrs(record.Data, 16, host, record.TTL, r)
	case dns.TypeSVCB, dns.TypeHTTPS:
		s, err := dns.ParseService(m.bytes, record)
		if err != nil {
			return
		}
		for key, value, rest, err := dns.NextParameter(s.Parameters, -1); err == nil && key >= 0; key, value, rest,
			err = dns.NextParameter(rest, key) {
			switch key {
			case dns.KeyIPv4Hint:
				hintAddrs(value, 4, host, record.TTL, r)
			case dns.KeyIPv6Hint:
				hintAddrs(value, 16, host, record.TTL, r)
			}
		}
	}
}

// hintAddrs records the size-byte addresses in b, except those of no host: filters answer for blocked names with
// 0.0.0.0 or loopback.
func hintAddrs(b []byte, size int, host []byte, ttl uint32, r *dissect.Result) {
	for ; len(b) >= size; b = b[size:] {
		addr, _ := netip.AddrFromSlice(b[:size])
		if addr = addr.Unmap(); !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsMulticast() {
			r.Hint(host, addr, ttl)
		}
	}
}

// hasECH reports whether a record carries keys for Encrypted Client Hello (RFC 9848).
func hasECH(msg []byte, record *dns.Record) bool {
	if record.Type != dns.TypeHTTPS && record.Type != dns.TypeSVCB {
		return false
	}
	s, err := dns.ParseService(msg, record)
	if err != nil {
		return false
	}
	for key, _, rest, err := dns.NextParameter(s.Parameters, -1); err == nil && key >= 0; key, _, rest,
		err = dns.NextParameter(rest, key) {
		if key == dns.KeyECH {
			return true
		}
	}
	return false
}

// withoutServiceLabels cuts the leading "_8443._https." of an SVCB name (RFC 9460 §2.3).
func withoutServiceLabels(host []byte) []byte {
	for len(host) > 0 && host[0] == '_' {
		dot := 0
		for dot < len(host) && host[dot] != '.' {
			dot++
		}
		host = host[min(dot+1, len(host)):]
	}
	return host
}

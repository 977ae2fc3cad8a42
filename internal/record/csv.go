// SPDX-License-Identifier: Apache-2.0

package record

import (
	"net/netip"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/packet"
)

// CSVHeader names AppendCSV's columns (RFC 4180, but with a bare line feed).
const CSVHeader = "first_seen,last_seen,ip_proto,client_ip,client_port,server_ip,server_port,protocol,application,cat" +
	"egory,hostname," +
	"method,application_method,client_packets,client_bytes,server_packets,server_bytes,vlan,tunnel,end_reason,interfa" +
	"ce,id,community_id," +
	"direction,client_side,server_side,nat,nat_client_ip,nat_client_port,nat_server_ip,nat_server_port," +
	"client_tcp_flags,client_retransmits,client_out_of_order,client_resets,client_zero_windows,client_ttl," +
	"client_dscp," +
	"server_tcp_flags,server_retransmits,server_out_of_order,server_resets,server_zero_windows,server_ttl," +
	"server_dscp," +
	"rtt_us,client_rtt_us,server_rtt_us"

// AppendCSV appends the record as one line of CSV, without a line end: valid UTF-8, whatever bytes its names hold. An
// apostrophe precedes any field that a spreadsheet would take for a formula.
func (f *Flow) AppendCSV(b []byte) []byte {
	b = AppendTime(b, f.FirstSeen)
	b = AppendTime(append(b, ','), f.LastSeen)
	b = AppendColumn(b, packet.ProtoName(f.Proto))
	for _, e := range [...]*Endpoint{&f.Client, &f.Server} {
		b = e.Addr.Addr().AppendTo(append(b, ','))
		b = strconv.AppendUint(append(b, ','), uint64(e.Addr.Port()), 10)
	}
	b = AppendColumn(b, f.Protocol)
	b = AppendColumn(b, f.Application)
	b = AppendColumn(b, f.Category)
	b = AppendColumn(b, f.Hostname)
	b = AppendColumn(b, f.Method.String())
	b = AppendColumn(b, f.ApplicationMethod.String())
	for _, e := range [...]*Endpoint{&f.Client, &f.Server} {
		b = strconv.AppendUint(append(b, ','), e.Packets, 10)
		b = strconv.AppendUint(append(b, ','), e.Bytes, 10)
	}
	b = append(b, ',')
	for i, v := range f.VLANs {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	b = append(b, ',')
	for i, t := range f.Tunnels {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, t.String()...)
	}
	b = AppendColumn(b, f.EndReason.String())
	b = AppendColumn(b, f.Interface)
	b = AppendColumn(b, f.ID[:])
	b = AppendColumn(b, f.CommunityID)
	b = AppendColumn(b, f.Direction.String())
	b = AppendColumn(b, f.Client.Side.String())
	b = AppendColumn(b, f.Server.Side.String())
	b = AppendColumn(b, f.NAT.Kind.String())
	for _, end := range [...]netip.AddrPort{f.NAT.Client, f.NAT.Server} {
		if f.NAT.Kind == NATNone {
			b = append(b, ",,"...)
			continue
		}
		b = end.Addr().AppendTo(append(b, ','))
		b = strconv.AppendUint(append(b, ','), uint64(end.Port()), 10)
	}
	return f.appendHealthColumns(b)
}

// AppendColumn appends a comma and value, quoted if necessary. Bytes that are not UTF-8, and characters that could
// split a line or turn the reading direction, become \xNN, as in JSON.
func AppendColumn[T string | []byte](b []byte, value T) []byte {
	b = append(b, ',')
	if len(value) == 0 {
		return b
	}
	quote := false
	for i := range len(value) {
		if c := value[i]; c == ',' || c == '"' || c < ' ' || c >= 0x7f {
			quote = true
		}
	}
	formula := value[0] == '=' || value[0] == '+' || value[0] == '-' || value[0] == '@'
	if !quote && !formula {
		return append(b, value...)
	}
	b = append(b, '"')
	if formula {
		b = append(b, '\'')
	}
	for i := 0; i < len(value); {
		r, n := utf8.DecodeRuneInString(string(value[i:min(len(value), i+utf8.UTFMax)]))
		switch {
		case r == '"':
			b = append(b, '"', '"')
		case r != utf8.RuneError && unicode.IsPrint(r):
			b = append(b, value[i:i+n]...)
		default:
			for _, c := range []byte(value[i : i+n]) {
				b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
			}
		}
		i += n
	}
	return append(b, '"')
}

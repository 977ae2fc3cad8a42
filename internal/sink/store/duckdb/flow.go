// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/sink/store/decode"
)

// flow is what is remembered of a flow: what its next line needs, if that has counts only.
type flow struct {
	key      int64
	pos      int64 // of the newest line
	whole    int64 // of the newest whole record; 0: none has come
	versions [decode.NumGroups]int64
	packetsT int64 // t of the newest interval with packets
	changed  flags // since then
	counts   counts
	dims     dims
}

// counts are those of a flow's ends, or of an interval.
type counts struct{ clientBytes, serverBytes, clientPackets, serverPackets int64 }

func countsOf(f *decode.Flow) counts {
	return counts{int64(f.Client.Bytes), int64(f.Server.Bytes), int64(f.Client.Packets), int64(f.Server.Packets)}
}

func (c counts) add(o counts) counts {
	return counts{c.clientBytes + o.clientBytes, c.serverBytes + o.serverBytes, c.clientPackets + o.clientPackets,
		c.serverPackets + o.serverPackets}
}

func (c counts) sub(o counts) counts {
	return c.add(counts{-o.clientBytes, -o.serverBytes, -o.clientPackets, -o.serverPackets})
}

func (c counts) hasPackets() bool { return c.clientPackets+c.serverPackets > 0 }

// dims are the properties that sums are grouped by.
type dims struct {
	verdict
	place
	port string // the server's, "" for none
}

// verdict is what a line's verdict says.
type verdict struct{ app, proto, category, host string }

// place is where a flow's ends are.
type place struct {
	device, net, direction string
	country, asn           string // of the remote end
	isUpServer             bool   // the server is the end that sends up
	isByAddress            bool   // the device is the address of the LAN's end
	hasNet                 bool   // net is that of the other end's address
}

// locate sets what a place has of the ends' addresses.
func (p *place) locate(client, server netip.Addr, text func(string) string) {
	local, remote := client, server
	if p.isUpServer {
		local, remote = server, client
	}
	if p.isByAddress && local.IsValid() {
		p.device = text(local.String())
	}
	if p.hasNet && remote.IsValid() {
		p.net = text(network(remote).String())
	}
}

// row is all that is stored of a flow.
type row struct {
	flow
	id                   flowID
	state, endReason     string
	first, last          int64
	transport            string
	client, server       end
	roundTrips           [2]uint32 // to client and server, in microseconds; 0: unknown
	process              process
	identity, connection string // members of the record as JSON
	method, rest         string // of the verdict
	findings             string
	risks                string // ',a,b,'
	direction            string
}

// end is an end of a flow.
type end struct {
	ip          netip.Addr
	port        uint16
	mac, side   string
	country, as string // as: the number of its autonomous system, "" for an unknown one, a space and the name
	health      decode.TCPHealth
}

// process is the process of the agent's machine that a flow is of. An empty members is none.
type process struct{ members, name, executable, container string }

// idIsComputed begins the identity of a flow whose Community ID follows from its addresses and ports: it would be the
// half of what a flow takes on disk.
const idIsComputed = "#"

// shortIdentity leaves the Community ID out if it can be computed, as an agent does that says nothing of it.
func (r *row) shortIdentity(identity []byte) string {
	var room [64]byte
	id := r.appendCommunityID(room[:0])
	if len(id) > 0 && !bytes.HasPrefix(identity, []byte(`"community_id":`)) {
		return idIsComputed + string(identity)
	}
	if rest, ok := bytes.CutPrefix(identity, id); ok && len(id) > 0 {
		return idIsComputed + string(bytes.TrimPrefix(rest, []byte{','}))
	}
	return string(identity)
}

// appendCommunityID appends the member of the record, for the transports whose ports tell all that it takes.
func (r *row) appendCommunityID(b []byte) []byte {
	var proto uint8
	switch r.transport {
	case "tcp":
		proto = packet.ProtoTCP
	case "udp":
		proto = packet.ProtoUDP
	case "sctp":
		proto = packet.ProtoSCTP
	}
	if proto == 0 || !r.client.ip.IsValid() || !r.server.ip.IsValid() {
		return b
	}
	b = packet.AppendPortsCommunityID(append(b, `"community_id":"`...), proto,
		netip.AddrPortFrom(r.client.ip, r.client.port), netip.AddrPortFrom(r.server.ip, r.server.port))
	return append(b, '"')
}

// appendIdentity appends the members of the identity, with the Community ID.
func (r *row) appendIdentity(b []byte) []byte {
	rest, isComputed := strings.CutPrefix(r.identity, idIsComputed)
	if isComputed {
		b = r.appendCommunityID(append(b, ','))
	}
	return appendMembers(b, rest)
}

// replace takes the groups of a line that are newer than the known ones.
func (r *row) replace(f *decode.Flow, pos int64, text func(string) string) {
	take := func(g decode.Group) bool {
		if !f.Has.Of(g) || r.versions[g] >= pos {
			return false
		}
		r.versions[g] = pos
		return true
	}
	if f.IsWhole && r.whole < pos {
		r.whole = pos
		r.transport = text(f.Transport)
		r.client.ip, r.client.port = f.Client.Addr, f.Client.Port
		r.server.ip, r.server.port = f.Server.Addr, f.Server.Port
		r.dims.port = text(portText(f.Server.Port))
		r.identity = text(r.shortIdentity(f.Identity))
		r.roundTrips = f.RoundTrips
	}
	if take(decode.Place) {
		r.direction = text(f.Direction)
		r.client.place(&f.Client, text)
		r.server.place(&f.Server, text)
		p := &f.Process
		r.process = process{text(string(p.Members)), text(p.Name), text(p.Executable), text(p.Container)}
	}
	r.dims.place = r.placeOf(text)
	if take(decode.Connection) {
		r.connection = string(f.Connection)
	}
	if take(decode.Verdict) {
		r.dims.verdict = verdictOf(f, text)
		r.method, r.rest = text(f.Method), text(string(f.Verdict))
	}
	if take(decode.Findings) {
		r.findings = string(f.Findings)
	}
	if take(decode.Risks) {
		r.risks = ""
		if len(f.Risks) > 0 {
			r.risks = text("," + strings.Join(f.Risks, ",") + ",")
		}
	}
	if take(decode.Begin) {
		r.first = f.First
	}
	if take(decode.Health) {
		r.client.health, r.server.health = f.Client.Health, f.Server.Health
	}
}

// system returns the number of the end's autonomous system, "" for an unknown one, and its name.
func (e *end) system() (number, name string) {
	number, name, _ = strings.Cut(e.as, " ")
	return number, name
}

// place takes what a line's place says of the end.
func (e *end) place(from *decode.End, text func(string) string) {
	e.mac, e.side, e.country = text(from.MAC), text(from.Side), text(from.Country)
	e.as = ""
	if from.ASN != 0 || from.ASName != "" {
		e.as = text(numberText(uint64(from.ASN)) + " " + from.ASName)
	}
}

func verdictOf(f *decode.Flow, text func(string) string) verdict {
	return verdict{text(f.Application), text(f.Protocol), text(f.Category), text(f.Hostname)}
}

// placeOf derives a flow's place. The LAN's end is the local one; without one the client's bytes count as sent up, and
// no device.
func (r *row) placeOf(text func(string) string) place {
	p := place{direction: r.direction}
	local, remote := r.client, r.server
	if local.side != "lan" && remote.side == "lan" {
		local, remote = remote, local
		p.isUpServer = true
	}
	if local.side == "lan" {
		p.device = local.mac
		p.isByAddress = local.mac == ""
	}
	p.hasNet = remote.side == "wan" || remote.side == ""
	p.country = remote.country
	p.asn, _ = remote.system()
	p.locate(r.client.ip, r.server.ip, text)
	return p
}

// network returns the /24 or /48 of an address.
func network(a netip.Addr) netip.Prefix {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// column is a column of flows with the field that it holds.
type column struct {
	name string
	put  func(a *appender, r *row)
	scan func(r *row) any // where Scan puts it
}

var columns = []column{
	{"key", func(a *appender, r *row) { a.int64(r.key) }, func(r *row) any { return &r.key }},
	{"agent", func(a *appender, r *row) { a.int32(r.id.agent) }, func(r *row) any { return &r.id.agent }},
	{"hi", func(a *appender, r *row) { a.uint64(r.id.hi()) }, func(r *row) any { return (*highHalf)(&r.id.id) }},
	{"lo", func(a *appender, r *row) { a.uint64(r.id.lo()) }, func(r *row) any { return (*lowHalf)(&r.id.id) }},
	number("pos", func(r *row) *int64 { return &r.pos }),
	number("whole", func(r *row) *int64 { return &r.whole }),
	{"versions", func(a *appender, r *row) { a.text(r.versionsText()) }, func(r *row) any { return (*versions)(r) }},
	number("packets_t", func(r *row) *int64 { return &r.packetsT }),
	{"changed", func(a *appender, r *row) { a.uint8(uint8(r.changed)) }, func(r *row) any { return &r.changed }},
	number("client_bytes", func(r *row) *int64 { return &r.counts.clientBytes }),
	number("server_bytes", func(r *row) *int64 { return &r.counts.serverBytes }),
	number("client_packets", func(r *row) *int64 { return &r.counts.clientPackets }),
	number("server_packets", func(r *row) *int64 { return &r.counts.serverPackets }),
	text("state", func(r *row) *string { return &r.state }),
	text("end_reason", func(r *row) *string { return &r.endReason }),
	number("first_seen", func(r *row) *int64 { return &r.first }),
	number("last_seen", func(r *row) *int64 { return &r.last }),
	text("transport", func(r *row) *string { return &r.transport }),
	{"client_ip", func(a *appender, r *row) { a.blob(bytesOf(r.client.ip)) },
		func(r *row) any { return (*address)(&r.client.ip) }},
	{"client_port", func(a *appender, r *row) { a.uint16(r.client.port) }, func(r *row) any { return &r.client.port }},
	{"server_ip", func(a *appender, r *row) { a.blob(bytesOf(r.server.ip)) },
		func(r *row) any { return (*address)(&r.server.ip) }},
	{"server_port", func(a *appender, r *row) { a.text(r.dims.port) },
		func(r *row) any { return (*port)(&r.server.port) }},
	text("identity", func(r *row) *string { return &r.identity }),
	text("direction", func(r *row) *string { return &r.direction }),
	text("client_mac", func(r *row) *string { return &r.client.mac }),
	text("client_side", func(r *row) *string { return &r.client.side }),
	text("server_mac", func(r *row) *string { return &r.server.mac }),
	text("server_side", func(r *row) *string { return &r.server.side }),
	text("connection", func(r *row) *string { return &r.connection }),
	text("protocol", func(r *row) *string { return &r.dims.proto }),
	text("application", func(r *row) *string { return &r.dims.app }),
	text("category", func(r *row) *string { return &r.dims.category }),
	text("hostname", func(r *row) *string { return &r.dims.host }),
	text("method", func(r *row) *string { return &r.method }),
	text("verdict", func(r *row) *string { return &r.rest }),
	text("findings", func(r *row) *string { return &r.findings }),
	text("risks", func(r *row) *string { return &r.risks }),
	text("device", func(r *row) *string { return &r.dims.device }),
	text("net", func(r *row) *string { return &r.dims.net }),
	text("client_country", func(r *row) *string { return &r.client.country }),
	text("client_as", func(r *row) *string { return &r.client.as }),
	text("server_country", func(r *row) *string { return &r.server.country }),
	text("server_as", func(r *row) *string { return &r.server.as }),
	text("process", func(r *row) *string { return &r.process.members }),
	text("process_name", func(r *row) *string { return &r.process.name }),
	text("process_path", func(r *row) *string { return &r.process.executable }),
	text("container", func(r *row) *string { return &r.process.container }),
	text("client_flags", func(r *row) *string { return &r.client.health.Flags }),
	text("server_flags", func(r *row) *string { return &r.server.health.Flags }),
	count("client_retransmits", func(r *row) *uint32 { return &r.client.health.Retransmits }),
	count("server_retransmits", func(r *row) *uint32 { return &r.server.health.Retransmits }),
	count("client_out_of_order", func(r *row) *uint32 { return &r.client.health.OutOfOrder }),
	count("server_out_of_order", func(r *row) *uint32 { return &r.server.health.OutOfOrder }),
	count("client_resets", func(r *row) *uint32 { return &r.client.health.Resets }),
	count("server_resets", func(r *row) *uint32 { return &r.server.health.Resets }),
	count("client_zero_windows", func(r *row) *uint32 { return &r.client.health.ZeroWindows }),
	count("server_zero_windows", func(r *row) *uint32 { return &r.server.health.ZeroWindows }),
	octet("client_ttl", func(r *row) *uint8 { return &r.client.health.TTL }),
	octet("server_ttl", func(r *row) *uint8 { return &r.server.health.TTL }),
	octet("client_dscp", func(r *row) *uint8 { return &r.client.health.DSCP }),
	octet("server_dscp", func(r *row) *uint8 { return &r.server.health.DSCP }),
	count("client_rtt_us", func(r *row) *uint32 { return &r.roundTrips[0] }),
	count("server_rtt_us", func(r *row) *uint32 { return &r.roundTrips[1] }),
}

func count(name string, of func(*row) *uint32) column {
	return column{name, func(a *appender, r *row) { a.uint32(*of(r)) }, func(r *row) any { return of(r) }}
}

func octet(name string, of func(*row) *uint8) column {
	return column{name, func(a *appender, r *row) { a.uint8(*of(r)) }, func(r *row) any { return of(r) }}
}

func number(name string, of func(*row) *int64) column {
	return column{name, func(a *appender, r *row) { a.int64(*of(r)) }, func(r *row) any { return of(r) }}
}

func text(name string, of func(*row) *string) column {
	return column{name, func(a *appender, r *row) { a.text(*of(r)) }, func(r *row) any { return of(r) }}
}

// columnNames are those of columns, of the table flows under the name f.
var columnNames = func() string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = "f." + c.name
	}
	return strings.Join(all, ", ")
}()

// scanRow reads a row of other columns and columnNames.
func scanRow(rows *sql.Rows, others ...any) (*row, error) {
	r := &row{}
	into := others
	for _, c := range columns {
		into = append(into, c.scan(r))
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	for g := range r.versions { // relative to it
		r.versions[g] += r.whole
	}
	r.dims.port = portText(r.server.port)
	r.dims.place = r.placeOf(func(s string) string { return s })
	return r, nil
}

// put appends the row to a table like flows.
func (r *row) put(a *appender) {
	for i := range columns {
		columns[i].put(a, r)
	}
	a.next()
}

func (id flowID) hi() uint64 { return binary.BigEndian.Uint64(id.id[:8]) }
func (id flowID) lo() uint64 { return binary.BigEndian.Uint64(id.id[8:]) }

// Scanners of columns that are something else in Go.
type (
	highHalf decode.ID
	lowHalf  decode.ID
	versions row
	address  netip.Addr
	port     uint16
)

func (p *port) Scan(v any) error {
	text, _ := v.(string)
	n, _ := strconv.ParseUint("0"+text, 10, 16)
	*p = port(n)
	return nil
}

// portText is a port as a text: "" for none.
func portText(n uint16) string { return numberText(uint64(n)) }

// numberText is a number as a text: "" for 0.
func numberText(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func (h *highHalf) Scan(v any) error {
	n, _ := v.(uint64)
	binary.BigEndian.PutUint64(h[:8], n)
	return nil
}

func (l *lowHalf) Scan(v any) error {
	n, _ := v.(uint64)
	binary.BigEndian.PutUint64(l[8:], n)
	return nil
}

// versionsText is what the column versions has: relative to the newest whole record, "" if all groups are of that.
func (f *flow) versionsText() string {
	isSame := true
	for _, v := range f.versions {
		isSame = isSame && v == f.whole
	}
	if isSame {
		return ""
	}
	var b []byte
	for i, v := range f.versions {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, v-f.whole, 10)
	}
	return string(b)
}

func (v *versions) Scan(value any) error {
	text, _ := value.(string)
	if text == "" {
		return nil
	}
	for i, part := range strings.SplitN(text, ",", len(v.versions)) {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return err
		}
		v.versions[i] = n
	}
	return nil
}

func (a *address) Scan(value any) error {
	b, _ := value.([]byte)
	ip, _ := netip.AddrFromSlice(b)
	*a = address(ip)
	return nil
}

// bytesOf returns an address's bytes, 4 or 16; none of no address.
func bytesOf(a netip.Addr) []byte {
	if !a.IsValid() {
		return []byte{}
	}
	return a.AsSlice()
}

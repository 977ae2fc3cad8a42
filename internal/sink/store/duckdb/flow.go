// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

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
	port uint16
}

// verdict is what a line's verdict says.
type verdict struct{ app, proto, category, host string }

// place is where a flow's ends are.
type place struct {
	device, net, direction string
	isUpServer             bool // the server is the end that sends up
	isByAddress            bool // the device is the address of the LAN's end
	hasNet                 bool // net is that of the other end's address
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
	identity, connection string // members of the record as JSON
	method, rest         string // of the verdict
	findings             string
	risks                string // ',a,b,'
	direction            string
}

// end is an end of a flow.
type end struct {
	ip        netip.Addr
	port      uint16
	mac, side string
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
		r.transport, r.identity = text(f.Transport), string(f.Identity)
		r.client.ip, r.client.port = f.Client.Addr, f.Client.Port
		r.server.ip, r.server.port = f.Server.Addr, f.Server.Port
		r.dims.port = f.Server.Port
	}
	if take(decode.Place) {
		r.direction = text(f.Direction)
		r.client.mac, r.client.side = text(f.Client.MAC), text(f.Client.Side)
		r.server.mac, r.server.side = text(f.Server.MAC), text(f.Server.Side)
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
	name  string
	value func(r *row) driver.Value
	scan  func(r *row) any // where Scan puts it
}

var columns = []column{
	{"key", func(r *row) driver.Value { return r.key }, func(r *row) any { return &r.key }},
	{"agent", func(r *row) driver.Value { return r.id.agent }, func(r *row) any { return &r.id.agent }},
	{"hi", func(r *row) driver.Value { return r.id.hi() }, func(r *row) any { return (*highHalf)(&r.id.id) }},
	{"lo", func(r *row) driver.Value { return r.id.lo() }, func(r *row) any { return (*lowHalf)(&r.id.id) }},
	{"pos", func(r *row) driver.Value { return r.pos }, func(r *row) any { return &r.pos }},
	{"whole", func(r *row) driver.Value { return r.whole }, func(r *row) any { return &r.whole }},
	{"versions", func(r *row) driver.Value { return r.versionsText() }, func(r *row) any { return (*versions)(r) }},
	{"packets_t", func(r *row) driver.Value { return r.packetsT }, func(r *row) any { return &r.packetsT }},
	{"changed", func(r *row) driver.Value { return uint8(r.changed) }, func(r *row) any { return &r.changed }},
	{"client_bytes", func(r *row) driver.Value { return r.counts.clientBytes },
		func(r *row) any { return &r.counts.clientBytes }},
	{"server_bytes", func(r *row) driver.Value { return r.counts.serverBytes },
		func(r *row) any { return &r.counts.serverBytes }},
	{"client_packets", func(r *row) driver.Value { return r.counts.clientPackets },
		func(r *row) any { return &r.counts.clientPackets }},
	{"server_packets", func(r *row) driver.Value { return r.counts.serverPackets },
		func(r *row) any { return &r.counts.serverPackets }},
	{"state", func(r *row) driver.Value { return r.state }, func(r *row) any { return &r.state }},
	{"end_reason", func(r *row) driver.Value { return r.endReason }, func(r *row) any { return &r.endReason }},
	{"first_seen", func(r *row) driver.Value { return r.first }, func(r *row) any { return &r.first }},
	{"last_seen", func(r *row) driver.Value { return r.last }, func(r *row) any { return &r.last }},
	{"transport", func(r *row) driver.Value { return r.transport }, func(r *row) any { return &r.transport }},
	{"client_ip", func(r *row) driver.Value { return bytesOf(r.client.ip) },
		func(r *row) any { return (*address)(&r.client.ip) }},
	{"client_port", func(r *row) driver.Value { return r.client.port }, func(r *row) any { return &r.client.port }},
	{"server_ip", func(r *row) driver.Value { return bytesOf(r.server.ip) },
		func(r *row) any { return (*address)(&r.server.ip) }},
	{"server_port", func(r *row) driver.Value { return r.server.port }, func(r *row) any { return &r.server.port }},
	{"identity", func(r *row) driver.Value { return r.identity }, func(r *row) any { return &r.identity }},
	{"direction", func(r *row) driver.Value { return r.direction }, func(r *row) any { return &r.direction }},
	{"client_mac", func(r *row) driver.Value { return r.client.mac }, func(r *row) any { return &r.client.mac }},
	{"client_side", func(r *row) driver.Value { return r.client.side }, func(r *row) any { return &r.client.side }},
	{"server_mac", func(r *row) driver.Value { return r.server.mac }, func(r *row) any { return &r.server.mac }},
	{"server_side", func(r *row) driver.Value { return r.server.side }, func(r *row) any { return &r.server.side }},
	{"connection", func(r *row) driver.Value { return r.connection }, func(r *row) any { return &r.connection }},
	{"protocol", func(r *row) driver.Value { return r.dims.proto }, func(r *row) any { return &r.dims.proto }},
	{"application", func(r *row) driver.Value { return r.dims.app }, func(r *row) any { return &r.dims.app }},
	{"category", func(r *row) driver.Value { return r.dims.category }, func(r *row) any { return &r.dims.category }},
	{"hostname", func(r *row) driver.Value { return r.dims.host }, func(r *row) any { return &r.dims.host }},
	{"method", func(r *row) driver.Value { return r.method }, func(r *row) any { return &r.method }},
	{"verdict", func(r *row) driver.Value { return r.rest }, func(r *row) any { return &r.rest }},
	{"findings", func(r *row) driver.Value { return r.findings }, func(r *row) any { return &r.findings }},
	{"risks", func(r *row) driver.Value { return r.risks }, func(r *row) any { return &r.risks }},
	{"device", func(r *row) driver.Value { return r.dims.device }, func(r *row) any { return &r.dims.device }},
	{"net", func(r *row) driver.Value { return r.dims.net }, func(r *row) any { return &r.dims.net }},
	{"up_is_server", func(r *row) driver.Value { return r.dims.isUpServer },
		func(r *row) any { return &r.dims.isUpServer }},
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
	if r.versions == ([decode.NumGroups]int64{}) {
		for g := range r.versions {
			r.versions[g] = r.whole
		}
	}
	r.dims.port = r.server.port
	r.dims.place = r.placeOf(func(s string) string { return s })
	return r, nil
}

// values are a row's for the table flows.
func (r *row) values() []driver.Value {
	all := make([]driver.Value, len(columns))
	for i, c := range columns {
		all[i] = c.value(r)
	}
	return all
}

func (id flowID) hi() uint64 { return binary.BigEndian.Uint64(id.id[:8]) }
func (id flowID) lo() uint64 { return binary.BigEndian.Uint64(id.id[8:]) }

// Scanners of columns that are something else in Go.
type (
	highHalf decode.ID
	lowHalf  decode.ID
	versions row
	address  netip.Addr
)

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

// versionsText is "" if all groups are of the newest whole record.
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
		b = strconv.AppendInt(b, v, 10)
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

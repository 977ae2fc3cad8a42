// SPDX-License-Identifier: Apache-2.0

// Package decode reads the lines of reports (internal/report/schema.json) for stores. It tolerates members that it does
// not know. What it returns is hostile still, but bounded: texts are valid UTF-8, numbers and times fit a database's.
package decode

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/report"
)

// Limits.
const (
	// MaxCount bounds a count in a line, so that sums of 32,768 of them fit 63 bits.
	MaxCount = 1<<48 - 1
	// MaxTime bounds times, in nanoseconds since the Unix epoch: in the year 2116.
	MaxTime = 1<<62 - 1
	// MaxSequence bounds a report's sequence: a report each second for 30,000 years.
	MaxSequence = 1<<40 - 1

	maxText   = 2048
	maxName   = 64
	maxHost   = 253
	maxRaw    = 64 << 10 // of findings and the like
	maxHealth = 256 << 10
	maxLinks  = 1 << 20 // of interfaces
	maxItems  = 4096
	maxNets   = 16 // networks of an interface
)

var (
	errNumber = errors.New("a number is out of range")
	errText   = errors.New("a text is too long, or has characters that it must not have")
	errTime   = errors.New("a time is out of range")
)

// ID is a flow's identifier.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads an identifier.
func ParseID(text string) (id ID, ok bool) {
	if len(text) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// Report is a report's head; its flows come one by one.
type Report struct {
	Agent      string
	Version    string
	Epoch      string
	Sequence   uint64
	Begin, End int64 // nanoseconds since the Unix epoch
	IsLast     bool
	Mode       string
	Health     []byte // JSON
	Interfaces []byte // JSON
	Counters   []Counter
	Links      []Link
	Devices    []Device
	flows      []byte
}

// Counter is a counter of the agent that moved.
type Counter struct {
	Name, Cause string
	More        uint64
}

// Link is what an interface counted in the interval.
type Link struct {
	Name, Role     string
	Networks       []string
	Received, Sent LinkCounts
}

// LinkCounts are those of a direction.
type LinkCounts struct {
	Packets, Bytes, Dropped, Errors, Missed uint64
	Traffic                                 *packet.Traffic // nil: unknown
}

// Device is a device of the LAN.
type Device struct {
	Key    string // MAC address, else its first address
	Record []byte // JSON
}

// Read reads a report's line. The result shares the line's memory.
func Read(line []byte) (*Report, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("not UTF-8")
	}
	r := &Report{}
	c := &cursor{b: line}
	var kind string
	var schema uint64
	c.object(func(name []byte) {
		switch string(name) {
		case "type":
			kind = c.short(maxName)
		case "schema":
			schema = c.count(MaxCount)
		case "agent":
			r.readAgent(c)
		case "epoch":
			r.Epoch = c.short(maxName)
		case "sequence":
			r.Sequence = c.count(MaxSequence)
		case "period":
			r.readPeriod(c)
		case "last":
			r.IsLast = string(c.raw()) == "true"
		case "health":
			r.readHealth(c)
		case "interfaces":
			r.readInterfaces(c)
		case "devices":
			r.readDevices(c)
		case "flows":
			r.flows = c.raw()
		default:
			c.skip()
		}
	})
	c.end()
	switch {
	case c.err != nil:
		return nil, fmt.Errorf("byte %d: %w", c.i, c.err)
	case kind != "report":
		return nil, errors.New("not a report")
	case schema != report.SchemaVersion:
		return nil, fmt.Errorf("a report of schema %d, not %d", schema, report.SchemaVersion)
	case r.Sequence == 0, r.End == 0, r.Epoch == "":
		return nil, errors.New("a report without sequence, period or epoch")
	}
	return r, nil
}

func (r *Report) readAgent(c *cursor) {
	c.object(func(name []byte) {
		switch string(name) {
		case "id":
			r.Agent = c.short(maxName)
		case "version":
			r.Version = c.short(maxText)
		default:
			c.skip()
		}
	})
}

func (r *Report) readPeriod(c *cursor) {
	c.object(func(name []byte) {
		switch string(name) {
		case "begin":
			r.Begin = c.time()
		case "end":
			r.End = c.time()
		default:
			c.skip()
		}
	})
}

func (r *Report) readHealth(c *cursor) {
	raw := c.raw()
	if len(raw) > maxHealth {
		c.fail(errText)
		return
	}
	r.Health = raw
	h := &cursor{b: raw}
	h.object(func(name []byte) {
		switch string(name) {
		case "mode":
			r.Mode = h.short(maxName)
		case "counters":
			h.list(func() { r.readCounter(h) })
		default:
			h.skip()
		}
	})
	c.adopt(h)
}

func (r *Report) readCounter(c *cursor) {
	var one Counter
	c.object(func(name []byte) {
		switch string(name) {
		case "name":
			one.Name = c.short(maxText)
		case "cause":
			one.Cause = c.short(maxName)
		case "more":
			one.More = c.count(MaxCount)
		default:
			c.skip()
		}
	})
	if r.Counters = append(r.Counters, one); len(r.Counters) > maxItems {
		c.fail(errText)
	}
}

func (r *Report) readInterfaces(c *cursor) {
	raw := c.raw()
	if len(raw) > maxLinks {
		c.fail(errText)
		return
	}
	r.Interfaces = raw
	l := &cursor{b: raw}
	l.list(func() {
		var one Link
		l.object(func(name []byte) {
			switch string(name) {
			case "name":
				one.Name = l.short(maxText)
			case "role":
				one.Role = l.short(maxName)
			case "networks":
				l.list(func() {
					if one.Networks = append(one.Networks, l.short(maxName)); len(one.Networks) > maxNets {
						l.fail(errText)
					}
				})
			case "received":
				one.Received = l.link()
			case "sent":
				one.Sent = l.link()
			default:
				l.skip()
			}
		})
		if r.Links = append(r.Links, one); len(r.Links) > maxItems {
			l.fail(errText)
		}
	})
	c.adopt(l)
}

func (c *cursor) link() (l LinkCounts) {
	c.object(func(name []byte) {
		switch string(name) {
		case "packets":
			l.Packets = c.count(MaxCount)
		case "bytes":
			l.Bytes = c.count(MaxCount)
		case "dropped":
			l.Dropped = c.count(MaxCount)
		case "errors":
			l.Errors = c.count(MaxCount)
		case "missed":
			l.Missed = c.count(MaxCount)
		case "traffic":
			l.Traffic = c.traffic()
		default:
			c.skip()
		}
	})
	return l
}

func (c *cursor) traffic() *packet.Traffic {
	t := &packet.Traffic{}
	c.object(func(name []byte) {
		switch string(name) {
		case "ipv4":
			t.IPv4 = c.volume()
		case "ipv6":
			t.IPv6 = c.volume()
		case "not_ip":
			t.NotIP = c.count(MaxCount)
		case "tcp":
			t.TCP = c.count(MaxCount)
		case "udp":
			t.UDP = c.count(MaxCount)
		case "icmp":
			t.ICMP = c.count(MaxCount)
		case "other":
			t.Other = c.count(MaxCount)
		case "fragments":
			t.Fragments = c.count(MaxCount)
		case "largest":
			t.Largest = c.count(MaxCount)
		default:
			c.skip()
		}
	})
	return t
}

func (c *cursor) volume() (v packet.Volume) {
	c.object(func(name []byte) {
		switch string(name) {
		case "packets":
			v.Packets = c.count(MaxCount)
		case "bytes":
			v.Bytes = c.count(MaxCount)
		default:
			c.skip()
		}
	})
	return v
}

func (r *Report) readDevices(c *cursor) {
	c.list(func() {
		raw := c.raw()
		if len(raw) > maxRaw {
			c.fail(errText)
			return
		}
		one := Device{Record: raw}
		d := &cursor{b: raw}
		var address string
		d.object(func(name []byte) {
			switch string(name) {
			case "mac":
				one.Key = d.short(maxName)
			case "addresses":
				d.list(func() { d.deviceAddress(&address) })
			default:
				d.skip()
			}
		})
		c.adopt(d)
		if one.Key == "" {
			one.Key = address
		}
		if one.Key != "" && len(r.Devices) < maxItems {
			r.Devices = append(r.Devices, one)
		}
	})
}

// deviceAddress notes the first address of a device.
func (c *cursor) deviceAddress(first *string) {
	c.object(func(name []byte) {
		if string(name) != "ip" {
			c.skip()
			return
		}
		if text := c.short(maxName); *first == "" {
			*first = text
		}
	})
}

// adopt takes over the error of a cursor over a part.
func (c *cursor) adopt(part *cursor) {
	if part.err != nil {
		c.fail(part.err)
	}
}

// short reads a text of at most so many bytes, without control characters.
func (c *cursor) short(most int) string {
	text := c.text()
	if len(text) > most {
		c.fail(errText)
		return ""
	}
	for _, b := range text {
		if b < ' ' || b == 0x7f {
			c.fail(errText)
			return ""
		}
	}
	return c.intern(text)
}

// names are the texts that most flows share: no copy of them is needed.
var names = func() map[string]string {
	all := map[string]string{}
	for _, s := range []string{"new", "update", "end", "closed", "reset", "idle", "evicted", "shutdown", "tcp", "udp",
		"icmp", "icmpv6", "lan", "wan", "gateway", "multicast", "broadcast", "outbound", "inbound", "internal",
		"transit", "unknown", "dpi", "port", "none", "dns", "http", "tls", "quic", "https", "web"} {
		all[s] = s
	}
	return all
}()

func (c *cursor) intern(text []byte) string {
	if s, ok := names[string(text)]; ok {
		return s
	}
	return string(text)
}

func (c *cursor) time() int64 {
	ns, ok := parseTime(c.text())
	if c.err == nil && !ok {
		c.fail(errTime)
	}
	return ns
}

// parseTime reads a time as reports write it, from 1970 to MaxTime. One that was before becomes 1 ns after 1970 began.
func parseTime(b []byte) (ns int64, ok bool) {
	if len(b) == len("2006-01-02T15:04:05.000000000Z") && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' &&
		b[16] == ':' && b[19] == '.' && b[29] == 'Z' {
		n := [...]int{digits(b[:4]), digits(b[5:7]), digits(b[8:10]), digits(b[11:13]), digits(b[14:16]),
			digits(b[17:19]), digits(b[20:29])}
		ok = n[1] >= 1 && n[1] <= 12 && n[2] >= 1 && n[2] <= 31 && n[3] < 24 && n[4] < 60 && n[5] < 60
		for _, part := range n {
			ok = ok && part >= 0
		}
		if !ok || n[0] > 2116 {
			return 0, false
		}
		seconds := daysSinceEpoch(n[0], n[1], n[2])*86400 + int64(n[3]*3600+n[4]*60+n[5])
		ns = max(seconds*1e9+int64(n[6]), 1)
		return ns, ns <= MaxTime
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil || t.Year() > 2115 {
		return 0, false
	}
	if t.Year() < 1970 {
		return 1, true
	}
	return max(t.UnixNano(), 1), true
}

// digits returns a number, -1 if a byte is no digit.
func digits(b []byte) (n int) {
	for _, d := range b {
		if d < '0' || d > '9' {
			return -1
		}
		n = n*10 + int(d-'0')
	}
	return n
}

// daysSinceEpoch is that of the Gregorian calendar, for years from 0 on. It counts years from March, so that a leap day
// is a year's last.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	const toEpoch = 719468 // days from 0000-03-01 to 1970-01-01
	days := 365*year + floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400) + (153*(month-3)+2)/5 + day - 1
	return int64(days - toEpoch)
}

func floorDiv(a, b int) int {
	if a < 0 {
		return -((b - 1 - a) / b)
	}
	return a / b
}

// address reads an IP address.
func (c *cursor) address() (a netip.Addr) {
	text := c.text()
	if c.err != nil {
		return a
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil || a.Zone() != "" {
		c.fail(errText)
	}
	return a.Unmap()
}

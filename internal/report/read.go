// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Report is a report as a Reader reads it: the parts that are shown to people. Its texts come from anywhere, and may
// hold any character.
type Report struct {
	// Line is the whole report as it was read, without its end. It is valid until the next one is read.
	Line []byte `json:"-"`

	Type   string `json:"type"`
	Schema int    `json:"schema"`
	Agent  struct {
		ID      string `json:"id"`
		Version string `json:"version"`
	} `json:"agent"`
	Epoch    string `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Period   struct {
		Begin          string `json:"begin"`
		End            string `json:"end"`
		BeginMonotonic uint64 `json:"begin_monotonic_ns"`
		EndMonotonic   uint64 `json:"end_monotonic_ns"`
	} `json:"period"`
	IsLast bool `json:"last"`
	Health struct {
		Mode      string              `json:"mode"`
		Uptime    uint64              `json:"uptime_ms"`
		Processes few[ProcessReading] `json:"processes"`
		Counters  list[CounterMoved]  `json:"counters"`
		Queues    few[QueueReading]   `json:"queues"`
		Clock     *ClockReading       `json:"clock"`
		Uplink    *UplinkReading      `json:"uplink"`
	} `json:"health"`
	Interfaces list[InterfaceReading] `json:"interfaces"`
	Totals     struct {
		Protocols    list[Total] `json:"protocols"`
		Applications list[Total] `json:"applications"`
		Categories   list[Total] `json:"categories"`
	} `json:"totals"`
	Devices list[DeviceReading] `json:"devices"`
	Flows   list[FlowReading]   `json:"flows"`
}

// ProcessReading is a process in a Report.
type ProcessReading struct {
	Name      string `json:"name"`
	UserCPU   uint64 `json:"user_cpu_us"`
	SystemCPU uint64 `json:"system_cpu_us"`
	Resident  uint64 `json:"resident_bytes"`
}

// QueueReading is a queue in a Report.
type QueueReading struct {
	Name   string `json:"name"`
	Length uint64 `json:"length"`
	Peak   uint64 `json:"peak"`
	Limit  uint64 `json:"limit"`
}

// ClockReading is the clock's state in a Report; a nil member is unknown.
type ClockReading struct {
	IsSynchronised *bool  `json:"synchronised"`
	EstimatedError uint64 `json:"estimated_error_us"`
	MaximumError   uint64 `json:"maximum_error_us"`
	Steps          uint64 `json:"steps"`
	Stepped        int64  `json:"stepped_ms"`
	Suspended      uint64 `json:"suspended_ms"`
	SinkOffset     *int64 `json:"sink_offset_ms"`
}

// UplinkReading is the uplink in a Report.
type UplinkReading struct {
	Queued     uint64           `json:"queued"`
	SpoolBytes uint64           `json:"spool_bytes"`
	Refused    uint64           `json:"refused"`
	Lost       few[LostReading] `json:"lost"`
}

// LostReading is a range of lost reports in a Report.
type LostReading struct {
	Epoch string `json:"epoch"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Count uint64 `json:"count"`
}

// CounterMoved is a counter in a Report.
type CounterMoved struct {
	Name  string `json:"name"`
	Cause string `json:"cause"`
	More  uint64 `json:"more"`
}

// InterfaceReading is an interface in a Report.
type InterfaceReading struct {
	Name     string      `json:"name"`
	Role     string      `json:"role"`
	Networks few[string] `json:"networks"`
	Received LinkReading `json:"received"`
	Sent     LinkReading `json:"sent"`
}

// LinkReading is a direction of an interface in a Report.
type LinkReading struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Dropped uint64 `json:"dropped"`
	Errors  uint64 `json:"errors"`
	Missed  uint64 `json:"missed"`
	// Traffic is nil if the agent's mode does not count it.
	Traffic *TrafficReading `json:"traffic"`
}

// TrafficReading is what passed an interface one way, in a Report.
type TrafficReading struct {
	IPv4      VolumeReading `json:"ipv4"`
	IPv6      VolumeReading `json:"ipv6"`
	NotIP     uint64        `json:"not_ip"`
	TCP       uint64        `json:"tcp"`
	UDP       uint64        `json:"udp"`
	ICMP      uint64        `json:"icmp"`
	Other     uint64        `json:"other"`
	Fragments uint64        `json:"fragments"`
	Largest   uint64        `json:"largest"`
}

// VolumeReading is the packets of an IP version, and their bytes from the IP header on.
type VolumeReading struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Total is a row of the totals in a Report.
type Total struct {
	Name        string `json:"name"`
	IsOther     bool   `json:"other"`
	Flows       uint64 `json:"flows"`
	Packets     uint64 `json:"packets"`
	ClientBytes uint64 `json:"client_bytes"`
	ServerBytes uint64 `json:"server_bytes"`
}

// DeviceReading is a device in a Report.
type DeviceReading struct {
	MAC       string `json:"mac"`
	Vendor    string `json:"vendor"`
	Addresses few[struct {
		IP string `json:"ip"`
	}] `json:"addresses"`
	Names few[struct {
		Name string `json:"name"`
	}] `json:"names"`
	Interface string `json:"interface"`
}

// EndReading is an end of a flow in a Report.
type EndReading struct {
	IP      string `json:"ip"`
	Port    uint16 `json:"port"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// FlowReading is a flow in a Report: its whole record, or what has changed.
type FlowReading struct {
	Type        string     `json:"type"`
	ID          string     `json:"id"`
	State       string     `json:"state"`
	EndReason   string     `json:"end_reason"`
	IPProto     string     `json:"ip_proto"`
	Client      EndReading `json:"client"`
	Server      EndReading `json:"server"`
	Protocol    string     `json:"protocol"`
	Application string     `json:"application"`
	Hostname    string     `json:"hostname"`
	Method      string     `json:"method"`
}

// IsWhole reports whether the flow has its whole record.
func (f *FlowReading) IsWhole() bool { return f.Type == "flow" }

// list and few are lists of at most MaxFlows and 64 elements: a short text must not become a large memory.
type (
	list[T any] []T
	few[T any]  []T
)

const maxFew = 64

func (l *list[T]) UnmarshalJSON(b []byte) (err error) {
	*l, err = elements[T](b, MaxFlows)
	return err
}

func (l *few[T]) UnmarshalJSON(b []byte) (err error) {
	*l, err = elements[T](b, maxFew)
	return err
}

// elements reads a list of at most that many elements.
func elements[T any](b []byte, most int) (all []T, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("a list is something else")
	}
	for d.More() {
		if len(all) == most {
			return nil, fmt.Errorf("a list has more than %d elements", most)
		}
		var one T
		if err := d.Decode(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// MaxLine bounds a report in bytes. A Reporter's are shorter: flows have half of it, the rest has its own limits.
const MaxLine = 32 << 20

// Reader reads reports, one a line. Its input may come from anybody.
type Reader struct {
	in   *bufio.Reader
	line int
	text []byte
}

// NewReader returns a Reader.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(in, 64<<10)} }

// Next reads a report; empty lines are none. The error is io.EOF after the last one, and else names the line. None can
// be read after an error.
func (r *Reader) Next() (*Report, error) {
	for {
		isWhole, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
		if len(r.text) == 0 {
			continue
		}
		report, err := parse(r.text)
		switch {
		case err == nil:
			return report, nil
		case !isWhole && !json.Valid(r.text):
			return nil, fmt.Errorf("line %d: the report breaks off", r.line)
		}
		return nil, fmt.Errorf("line %d: %w", r.line, err)
	}
}

// errLong is the error for a line longer than MaxLine.
var errLong = fmt.Errorf("longer than %d bytes, so no report", MaxLine)

// next reads a line into text, without white space around it. It is whole if it has an end.
func (r *Reader) next() (isWhole bool, err error) {
	r.line++
	r.text = r.text[:0]
	for {
		piece, err := r.in.ReadSlice('\n')
		r.text = append(r.text, piece...)
		if len(r.text) > MaxLine {
			return false, errLong
		}
		switch {
		case err == nil:
			r.text = bytes.TrimSpace(r.text)
			return true, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(r.text) > 0:
			r.text = bytes.TrimSpace(r.text)
			return false, nil
		default:
			return false, err
		}
	}
}

// parse reads a report.
func parse(line []byte) (*Report, error) {
	r := &Report{Line: line}
	if err := json.Unmarshal(line, r); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	switch {
	case r.Type != "report":
		return nil, fmt.Errorf("not a report: its type is %q", r.Type[:min(len(r.Type), 64)])
	case r.Schema != SchemaVersion:
		return nil, fmt.Errorf("a report of schema %d: this weir knows schema %d", r.Schema, SchemaVersion)
	case r.Sequence == 0:
		return nil, errors.New("not a report: it has no sequence")
	}
	return r, nil
}

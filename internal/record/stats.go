// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Stats is what the agent has done in an interval.
type Stats struct {
	Type    string    `json:"type"` // "stats"
	Schema  int       `json:"schema"`
	Time    time.Time `json:"time"`    // the interval's end
	Seconds float64   `json:"seconds"` // its length
	Uptime  int64     `json:"uptime_ms"`
	Mode    string    `json:"mode"`
	// What weir counted in the interval.
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Flows   uint64 `json:"flows"`   // begun
	Sampled uint64 `json:"sampled"` // frames that the workers looked into
	// Processes are those of the agent.
	Processes  []ProcessStats   `json:"processes"`
	Interfaces []InterfaceStats `json:"interfaces"`
	// Counters are all that grew in the interval.
	Counters []CounterStats `json:"counters"`
}

// ProcessStats is what a process has used in an interval; its memory at the end.
type ProcessStats struct {
	Name         string `json:"name"`
	UserCPU      int64  `json:"user_cpu_us"`
	SystemCPU    int64  `json:"system_cpu_us"`
	Resident     uint64 `json:"resident_bytes,omitempty"`
	PeakResident uint64 `json:"peak_resident_bytes,omitempty"`
}

// InterfaceStats is what has passed a watched interface in an interval, as weir counts it; nil: unknown.
type InterfaceStats struct {
	Name     string       `json:"name"`
	Received *VolumeStats `json:"received,omitempty"`
	Sent     *VolumeStats `json:"sent,omitempty"`
}

// VolumeStats is an amount of traffic: of IPv4 and IPv6, in bytes from the network header on, and of other frames.
type VolumeStats struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	NotIP   uint64 `json:"not_ip"`
}

// CounterStats is a counter of docs/COUNTERS.md that grew.
type CounterStats struct {
	Name  string `json:"name"`
	Cause string `json:"cause,omitempty"`
	More  uint64 `json:"more"`
}

// AppendJSON appends the record as one JSON object, without a line end.
func (s *Stats) AppendJSON(b []byte) []byte {
	c := *s
	c.Type, c.Schema, c.Time = TypeStats.name(), SchemaVersion, s.Time.UTC()
	if c.Processes == nil {
		c.Processes = []ProcessStats{}
	}
	if c.Interfaces == nil {
		c.Interfaces = []InterfaceStats{}
	}
	if c.Counters == nil {
		c.Counters = []CounterStats{}
	}
	line, err := json.Marshal(&c)
	if err != nil {
		panic(err) // no such value is in a Stats but a time beyond the year 9999
	}
	return append(b, line...)
}

// Read sets the record from its JSON. It passes over members that this version does not know.
func (s *Stats) Read(line []byte) error {
	if len(line) > MaxLine {
		return fmt.Errorf("a record of %d bytes; %d are allowed", len(line), MaxLine)
	}
	*s = Stats{}
	err := json.Unmarshal(line, s)
	switch {
	case err != nil:
		return fmt.Errorf("no stats record: %w", err)
	case s.Type != TypeStats.name():
		return fmt.Errorf("no stats record: its type is %q", s.Type)
	case s.Time.Year() < 1970 || s.Time.Year() > 2261:
		return errors.New("no stats record: it has no time")
	}
	return nil
}

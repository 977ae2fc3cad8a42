// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Records makes flow records of reports, which have what is known of a flow once and then its changes. The reports of
// an agent have to come in their order. Its zero value is ready.
type Records struct {
	known map[[32]byte]*record.Flow // flows that have not ended
	epoch string
	// Unknown counts changes of flows whose record came in no report since the first one.
	Unknown uint64
}

// maxKnown bounds the flows that Records remembers: more than a Reporter does by default.
const maxKnown = 1 << 17

// Read calls each with the records of a report, in its order. A record is valid during the call. The error names the
// flow, or is that of each.
func (r *Records) Read(report *Report, each func(*record.Flow) error) error {
	var lines struct {
		Flows list[json.RawMessage] `json:"flows"`
	}
	if err := json.Unmarshal(report.Line, &lines); err != nil {
		return err
	}
	if epoch := report.Agent.ID + report.Epoch; r.epoch != epoch {
		r.known, r.epoch = map[[32]byte]*record.Flow{}, epoch
	}
	for i, line := range lines.Flows {
		f, err := r.flow(&report.Flows[i], line)
		if err != nil {
			return fmt.Errorf("flow %d: %w", i+1, err)
		}
		if f == nil {
			r.Unknown++
			continue
		}
		if err := each(f); err != nil {
			return err
		}
		if f.State == record.StateEnd {
			delete(r.known, f.ID)
		}
	}
	return nil
}

// flow returns the record that a flow of a report makes, nil for a change of an unknown flow.
func (r *Records) flow(reading *FlowReading, line []byte) (*record.Flow, error) {
	if reading.IsWhole() {
		f := new(record.Flow)
		if err := f.Read(line); err != nil {
			return nil, err
		}
		if f.CommunityID == nil { // an empty one was left out on purpose
			f.CommunityID = packet.AppendPortsCommunityID(nil, f.Proto, f.Client.Addr, f.Server.Addr)
		}
		r.remember(f)
		return f, nil
	}
	var id [32]byte
	if copy(id[:], reading.ID) != len(reading.ID) || len(reading.ID) != len(id) {
		return nil, errors.New("it has no id")
	}
	f := r.known[id]
	if f == nil {
		return nil, nil
	}
	return f, f.Apply(line)
}

// remember keeps a record, in place of any other if there are too many.
func (r *Records) remember(f *record.Flow) {
	if len(r.known) >= maxKnown {
		for id := range r.known {
			delete(r.known, id)
			break
		}
	}
	r.known[f.ID] = f
}

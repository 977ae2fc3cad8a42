// SPDX-License-Identifier: Apache-2.0

package record

// State is the point in a flow's life at which a record was written. The zero value means none.
type State uint8

// States.
const (
	_           State = iota
	StateNew          // the flow's first record; more follow
	StateUpdate       // an interim record
	StateEnd          // the flow's last record, with its final counts
)

var stateTexts = [...]string{"", "new", "update", "end"}

func (s State) String() string { return text(stateTexts[:], s) }

// EndReason is the reason why a flow ended.
type EndReason uint8

// Reasons.
const (
	NotEnded    EndReason = iota
	EndClosed             // TCP: both sides sent FIN
	EndReset              // TCP: RST
	EndIdle               // silent for the idle time
	EndEvicted            // the table was full, and this flow was worth least
	EndShutdown           // weir stopped
)

var endReasonTexts = [...]string{"", "closed", "reset", "idle", "evicted", "shutdown"}

func (r EndReason) String() string { return text(endReasonTexts[:], r) }

// text returns the text of value v, "" if v has none.
func text[T ~uint8](texts []string, v T) string {
	if int(v) >= len(texts) {
		return ""
	}
	return texts[v]
}

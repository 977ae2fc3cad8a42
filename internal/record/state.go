// SPDX-License-Identifier: Apache-2.0

package record

// State says where in a flow's life a record was written. The zero value is none.
type State uint8

// The states.
const (
	_           State = iota
	StateNew          // the flow's first record, and others follow
	StateUpdate       // the flow goes on
	StateEnd          // the flow's last record, with all of its counts
)

var stateTexts = [...]string{"", "new", "update", "end"}

func (s State) String() string { return text(stateTexts[:], s) }

// EndReason says why a flow ended.
type EndReason uint8

// The reasons.
const (
	NotEnded    EndReason = iota
	EndClosed             // TCP: both sides said FIN
	EndReset              // TCP: RST
	EndIdle               // nothing came for the idle time
	EndEvicted            // the table was full, and this flow was the least worth keeping
	EndShutdown           // weir ended
)

var endReasonTexts = [...]string{"", "closed", "reset", "idle", "evicted", "shutdown"}

func (r EndReason) String() string { return text(endReasonTexts[:], r) }

// text is the text of value v; "" of one that has none.
func text[T ~uint8](texts []string, v T) string {
	if int(v) >= len(texts) {
		return ""
	}
	return texts[v]
}

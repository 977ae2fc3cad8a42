// SPDX-License-Identifier: Apache-2.0

// Package power cuts the power of a machine in qemu while weir writes, and checks after the next boot that what was
// promised is there. scripts/guest power runs it.
package power

// Said is a line that the program in the machine prints. What the model of the test knows it knows by them.
type Said struct {
	Who  string `json:"who"` // agent: the spool; sink: the queue
	What What   `json:"what"`
	// Of a report.
	Epoch    string `json:"epoch,omitempty"` // the queue's agent, for the sink
	Sequence uint64 `json:"sequence,omitempty"`
	Sum      uint32 `json:"sum,omitempty"` // CRC32C of what was stored
	// Lost are ranges that the report tells, or for Ready those that no report has told.
	Lost [][2]uint64 `json:"lost,omitempty"`
	Text string      `json:"text,omitempty"`
}

// What happened.
type What string

// What the program says. After a boot: Has for each report that is stored, oldest first, and Ready. Then: Stores before
// a report is stored and Stored after it; Sends before reports go off and Sent after that.
const (
	Has    What = "has"
	Ready  What = "ready" // Sequence: the next one
	Stores What = "stores"
	Stored What = "stored"
	Sends  What = "sends"
	Sent   What = "sent"
	Failed What = "failed" // Text: why
	Knows  What = "knows"  // the real sink has enrolled its agent
)

// The program talks by writes to a disk, each a line filled up with zero bytes: a write is done when the test has it. A
// serial port would keep what the program said last.
const (
	TalkDisk = "/dev/vda"
	TalkSize = 64 << 10 // which also bounds a line
)

// Parameters of the kernel's command line, for the program.
const (
	NoSync = "power.nosync" // fsync does nothing
	Capped = "power.capped" // the spool is small, and loses its oldest reports
	First  = "power.first=" // sequence of the queue's first report

	// Of the real sink.
	Sink     = "power.sink"     // it runs, instead of spool and queue; Has has the sum of all bytes as its Sequence
	Enrolled = "power.enrolled" // it must know its agent
	Begin    = "power.begin="   // Unix time of its first report
)

// Bytes are those of the flow in the real sink's report of that sequence: a report that is missing or doubled shows.
func Bytes(sequence uint64) uint64 { return 1_000_000 + sequence*sequence*7919%999_983 }

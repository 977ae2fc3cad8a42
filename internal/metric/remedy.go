// SPDX-License-Identifier: Apache-2.0

package metric

const lookForForged = "look for forged addresses on the LAN; if the LAN is that large, name it with --lan-network"

const lookAtOutputs = "look at weir status, and at the program that takes the records; queue= bridges gaps"

// remedies are advice for each loss.
var remedies = map[ID]string{
	RingFull:           "use mode ebpf or libpcap's --filter, more --workers, or watch fewer interfaces",
	RingFullCounted:    "give weir more CPUs (--workers), or inspect less (--max-packets-tcp)",
	MapFull:            "raise --max-flows",
	Uncounted:          "raise --max-flows, and give weir more CPUs (--workers)",
	InterfaceDrops:     "enlarge the card's ring: ethtool -G INTERFACE rx 4096",
	SocketsLost:        "give weir more CPUs",
	ConnectionsRefused: "raise --max-flows: weir follows four connections for each flow",

	LegsUnjoined:       "use mode ebpf, where the legs are one flow already",
	RecordsUnwaited:    "raise net.core.rmem_max, so that the kernel drops fewer connection events",
	OffloadsUnfollowed: "nothing: the flows are complete, but end early",
	DevicesForgotten:   lookForForged,
	DevicesRefused:     lookForForged,
	RecordsUnwritten:   "read standard output faster, or raise --max-flows",
	RecordsUnshown:     "nothing: the screen skips records when it is slow",
	RecordsUnreported:  "read standard output faster, or raise --max-flows",
	RecordsUncounted:   "give weir more CPUs",
	ReportsUnshipped:   "look at weir status, and at the free space of --state-dir",

	ExportFileDropped:   lookAtOutputs,
	ExportFileFailed:    lookAtOutputs,
	ExportEVEDropped:    lookAtOutputs,
	ExportEVEFailed:     lookAtOutputs,
	ExportSyslogDropped: lookAtOutputs,
	ExportSyslogFailed:  lookAtOutputs,
	ExportIPFIXDropped:  lookAtOutputs,
	ExportMQTTDropped:   lookAtOutputs,
	ExportKafkaDropped:  lookAtOutputs,
	ExportIPFIXFailed:   lookAtOutputs,
	ExportMQTTFailed:    lookAtOutputs,
	ExportKafkaFailed:   lookAtOutputs,
	ExportMissed:        "give weir more CPUs, or export less (where=)",
	ExportUnread:        "report it: the processes are of one program",

	PacketsRefused:      "raise --max-flows",
	FlowsEvicted:        "raise --max-flows",
	FlowsUnresumed:      "restart in place with the same --max-flows",
	TunnelLimit:         "nothing: real networks rarely nest tunnels so deep",
	UnresolvedFragments: "capture where all fragments pass, or on a link without loss",
	FragmentsForgotten:  "look for a flood of fragments",
	AnswersForgotten:    "nothing: later answers replace them",
	StreamConflicts:     "look for a host that forges segments, or a broken device on the way",
	StreamHoles:         "capture where both directions pass, or on a link without loss",
	BufferLimit:         "give weir more CPUs (--workers): each worker has its own buffers",
	CandidateLimit:      "report it, with a recording: the limit should never be reached",
	Panics:              "report it, with the packets that --panic-dir saves",

	EventsDropped:        "ask for fewer types of events (--events, --types), or give weir more CPUs (--workers)",
	EventsOmitted:        "look for a host that sends messages with many questions, or many requests at a time",
	EventFlowsUnfollowed: "give weir more CPUs (--workers): each worker follows so many flows of its own",

	UndecodedLinkType:   "report the interface's kind: weir doesn't know its link layer",
	UndecodedTruncated:  "look for a device that cuts packets",
	UndecodedIPHeader:   "look for a device that sends broken packets",
	UndecodedExtensions: "look for a device that sends broken packets",
	UndecodedTransport:  "look for a device that sends broken packets",
	UndecodedEncrypted:  "nothing: the link layer is encrypted",
}

// Remedy returns advice for a loss, "" for other counters.
func Remedy(id ID) string { return remedies[id] }

// Reading is a counter's value on its way to another process.
type Reading struct {
	Name  string `json:"name"`
	Cause string `json:"cause,omitempty"`
	Value uint64 `json:"value"`
}

// Readings returns the counters of at least the given class that are not 0.
func (s *Snapshot) Readings(class Class) []Reading {
	all := []Reading{}
	for c, n := range s.Happened(class) {
		all = append(all, Reading{c.Name, c.Cause, n})
	}
	return all
}

// All returns the readings of all counters, in the list's order.
func (s *Snapshot) All() []Reading {
	all := make([]Reading, 0, numIDs)
	for id, c := range All() {
		all = append(all, Reading{c.Name, c.Cause, s[id]})
	}
	return all
}

// Find returns the counter of the reading; false if this weir has no such counter.
func (r *Reading) Find() (ID, *Counter, bool) {
	for id, c := range All() {
		if c.Name == r.Name && c.Cause == r.Cause {
			return id, c, true
		}
	}
	return 0, nil, false
}

// SPDX-License-Identifier: Apache-2.0

package metric

import "slices"

// ID is a counter's place in the list. A new counter needs an ID, an entry in counters, and a line in its owner's
// Collect.
type ID uint8

// Counters, in the order of the summaries.
const (
	Frames ID = iota
	FrameBytes
	Packets
	Bytes
	FlowsCreated
	Inspections
	ConnectionLists

	RingFull
	RingFullCounted
	MapFull
	Uncounted
	InterfaceDrops
	ConnectionEventsLost
	ConnectionsRefused
	SocketsLost
	SocketsForgotten
	Unparsed

	LegsUnjoined
	RecordsUnwaited
	OffloadsUnfollowed
	DevicesForgotten
	DevicesRefused
	RecordsUnwritten
	RecordsUnshown
	RecordsUnreported
	RecordsUncounted
	RecordsUnfollowed
	ReportedFlowsForgotten
	ReportsUnshipped
	ReportsUnwritten

	ExportFileWritten // from here on in the order of exportKinds
	ExportEVEWritten
	ExportSyslogWritten
	ExportIPFIXWritten
	ExportMQTTWritten
	ExportKafkaWritten
	ExportFileDropped
	ExportEVEDropped
	ExportSyslogDropped
	ExportIPFIXDropped
	ExportMQTTDropped
	ExportKafkaDropped
	ExportFileFailed
	ExportEVEFailed
	ExportSyslogFailed
	ExportIPFIXFailed
	ExportMQTTFailed
	ExportKafkaFailed
	ExportMissed
	ExportUnread

	CopiesForwarded
	CopiesCarried

	PacketsRefused
	PacketsLate
	PacketsUnread
	FlowsEvicted
	TunnelLimit
	UnresolvedFragments
	FragmentsForgotten
	AnswersForgotten
	StreamConflicts
	StreamHoles
	BufferLimit
	CandidateLimit
	NamesOmitted
	Panics
	ExpectationsForgotten
	AnswerNamesForgotten
	FlowsInterrupted
	FlowsUnresumed

	Events
	EventsDropped
	EventsHasty
	EventsOmitted
	EventFlowsUnfollowed
	EventGaps

	HostsCut // from here on in the order of dissect.Cut
	TextsCut
	ListsCut
	MetadataCut
	AnswersCut

	UndecodedLinkType // from here on in the order of packet.Fault
	UndecodedNotIP
	UndecodedTruncated
	UndecodedIPHeader
	UndecodedExtensions
	UndecodedTransport
	UndecodedEncrypted

	numIDs
)

const (
	// CopiesName is the name of both counters of copies.
	CopiesName = "weir_copies_total"

	undecoded = "weir_undecoded_packets_total"
	cut       = "weir_metadata_cut_flows_total"
	lost      = "weir_capture_lost_packets_total"
)

var counters = [numIDs]Counter{
	Frames:     {"weir_frames_total", "", Traffic, "frames handed to the workers"},
	FrameBytes: {"weir_frame_bytes_total", "", Traffic, "bytes of these frames on the link"},
	Packets: {"weir_packets_total", "", Traffic,
		"packets in flows; the packets inside a tunnel count on their own"},
	Bytes:        {"weir_bytes_total", "", Traffic, "bytes of these packets, from the network header on"},
	FlowsCreated: {"weir_flows_total", "", Traffic, "flows"},
	Inspections:  {"weir_inspections_total", "", Traffic, "calls of dissectors"},
	ConnectionLists: {"weir_connection_lists_total", "", Traffic,
		"dumps of all connections requested from the kernel"},

	RingFull: {lost, "ring-full", Loss, "packets lost: no room in the ring to the worker"},
	RingFullCounted: {"weir_capture_unsampled_packets_total", "", Loss,
		"packets counted but not inspected: no room in the ring to the worker"},
	MapFull: {"weir_capture_worker_counted_packets_total", "", Loss,
		"packets counted by the workers: no flow counter was free (--max-flows)"},
	Uncounted:      {lost, "uncounted", Loss, "packets lost: neither a flow counter was free nor room in the ring"},
	InterfaceDrops: {lost, "interface", Loss, "packets dropped by the interfaces"},
	ConnectionEventsLost: {"weir_connection_event_losses_total", "", Notice,
		"overflows of the kernel's queue of connection events; a new dump of all connections followed"},
	ConnectionsRefused: {"weir_connections_refused_total", "", Loss,
		"connections not followed: the list of connections was full"},
	SocketsLost: {"weir_socket_events_lost_total", "", Loss,
		"sockets whose process is unknown: the kernel had no room to tell of them (flows.processes)"},
	SocketsForgotten: {"weir_sockets_forgotten_total", "", Notice,
		"sockets whose process was forgotten, for newer ones (flows.processes)"},
	Unparsed: {"weir_capture_unparsed_packets_total", "", Notice, "packets that are not IP or can't be decoded"},

	LegsUnjoined: {"weir_nat_legs_unjoined_total", "", Loss,
		"connections reported as two flows: too many NAT legs were waiting"},
	RecordsUnwaited: {"weir_records_unwaited_total", "", Loss,
		"records written before the dump with their connection: too many were waiting"},
	OffloadsUnfollowed: {"weir_offloaded_connections_unfollowed_total", "", Loss,
		"offloaded connections whose end weir did not await: too many were waiting"},
	DevicesForgotten: {"weir_devices_forgotten_total", "", Loss, "devices forgotten to make room for others"},
	DevicesRefused: {"weir_devices_refused_total", "", Loss,
		"sightings of devices not kept: all devices in the full list were more certain"},

	RecordsUnwritten: {"weir_records_dropped_total", "output", Loss,
		"records left out: the reader of standard output was too slow (--max-flows bounds the waiting records)"},
	RecordsUnshown: {"weir_records_dropped_total", "screen", Loss, "records left out: the screen was too slow"},
	RecordsUnreported: {"weir_records_dropped_total", "report", Loss,
		"records not reported: the reports were written too slowly (a flow's next record makes up for it)"},
	RecordsUncounted: {"weir_records_dropped_total", "metrics", Loss,
		"records left out of the metrics of traffic: they were counted too slowly"},
	RecordsUnfollowed: {"weir_records_dropped_total", "client", Notice,
		"records left out of a stream: weir flows, a client of --listen or the process export was too slow, and was " +
			"told"},
	ReportedFlowsForgotten: {"weir_reported_flows_forgotten_total", "", Notice,
		"flows that are reported whole again: more were live than the reports remember (--max-flows)"},
	ReportsUnshipped: {"weir_reports_dropped_total", "unstored", Loss,
		"reports lost before they were stored: the disk took none, or the process ship did not run"},
	ReportsUnwritten: {"weir_reports_dropped_total", "output", Notice,
		"reports left out of standard output: its reader was too slow (the sink gets them)"},

	ExportFileWritten: written("file"), ExportEVEWritten: written("eve"),
	ExportSyslogWritten: written("syslog"), ExportIPFIXWritten: written("ipfix"),
	ExportMQTTWritten: written("mqtt"), ExportKafkaWritten: written("kafka"),
	ExportFileDropped: dropped("file"), ExportEVEDropped: dropped("eve"),
	ExportSyslogDropped: dropped("syslog"), ExportIPFIXDropped: dropped("ipfix"),
	ExportMQTTDropped: dropped("mqtt"), ExportKafkaDropped: dropped("kafka"),
	ExportFileFailed: failed("file"), ExportEVEFailed: failed("eve"),
	ExportSyslogFailed: failed("syslog"), ExportIPFIXFailed: failed("ipfix"),
	ExportMQTTFailed: failed("mqtt"), ExportKafkaFailed: failed("kafka"),
	ExportMissed: {"weir_export_missed_records_total", "", Loss,
		"records not exported: the process export read them too slowly"},
	ExportUnread: {"weir_export_unread_lines_total", "", Loss,
		"lines not exported: the process export could not read them"},

	CopiesForwarded: {CopiesName, "forwarded", Notice,
		"packets not counted on their way out: they were counted on their way in (--count-each counts both)"},
	CopiesCarried: {CopiesName, "carried", Notice,
		"packets not counted on a further interface, such as a VLAN's or a bridge's (--count-each counts each)"},

	PacketsRefused: {"weir_flow_table_refused_packets_total", "", Loss,
		"packets in no flow: the table was full (--max-flows)"},
	PacketsLate: {"weir_flow_table_late_packets_total", "", Notice,
		"packets of ended connections, after their eviction: the records were already written (--max-flows)"},
	PacketsUnread: {"weir_flow_table_uninspected_packets_total", "", Notice,
		"packets counted but not inspected: their flow had ended early before the worker read them (--max-flows)"},
	FlowsEvicted: {"weir_flow_table_evicted_flows_total", "", Loss, "flows ended early to make room (--max-flows)"},
	TunnelLimit: {"weir_tunnel_limit_packets_total", "", Loss,
		"packets with too many nested tunnels"},
	UnresolvedFragments: {"weir_unresolved_fragments_total", "", Loss, "later fragments without their first one"},
	FragmentsForgotten:  {"weir_fragmented_packets_forgotten_total", "", Loss, "fragmented packets forgotten early"},
	AnswersForgotten:    {"weir_dns_answers_forgotten_total", "", Loss, "DNS answers forgotten early"},
	StreamConflicts: {"weir_stream_conflict_segments_total", "", Loss,
		"overlapping TCP segments that contradict one another"},
	StreamHoles: {"weir_stream_hole_segments_total", "", Loss, "TCP segments not reassembled: too many gaps"},
	BufferLimit: {"weir_dissect_buffer_limit_packets_total", "", Loss,
		"packets not buffered for the dissectors: the buffers were full"},
	CandidateLimit: {"weir_dissect_candidates_dropped_total", "", Loss,
		"dissectors dropped from a flow: too many others wanted more of it"},
	NamesOmitted: {"weir_dns_query_names_omitted_total", "", Notice,
		"DNS query names left out of a record: their flow had too many"},
	Panics: {"weir_dissect_panics_total", "", Loss, "times a dissector broke (--panic-dir saves the packets)"},
	ExpectationsForgotten: {"weir_expected_flows_forgotten_total", "", Notice,
		"announced flows no longer expected: newer announcements replaced them"},
	AnswerNamesForgotten: {"weir_dns_answer_names_forgotten_total", "", Notice,
		"names of an address forgotten: its client resolved newer ones"},
	FlowsInterrupted: {"weir_restart_interrupted_flows_total", "", Notice,
		"flows without a name whose inspection a restart in place has ended: they are guessed"},
	FlowsUnresumed: {"weir_restart_unresumed_flows_total", "", Loss,
		"flows from before a restart in place without room in a smaller table (--max-flows)"},

	Events:        {"weir_events_total", "", Traffic, "event records (--events, or a client that asks for them)"},
	EventsDropped: {"weir_events_dropped_total", "buffer", Loss, "event records left out: too many at a time"},
	EventsOmitted: {"weir_events_dropped_total", "message", Loss,
		"DNS questions and HTTP requests without an event: too many in one message, or too many waited in one flow"},
	EventsHasty: {"weir_event_questions_hasty_total", "", Notice,
		"DNS questions told as unanswered early: too many waited for an answer"},
	EventFlowsUnfollowed: {"weir_event_flows_unfollowed_total", "", Loss,
		"TCP flows without event records: too many were followed"},
	EventGaps: {"weir_event_gaps_total", "", Notice,
		"gaps in followed TCP flows, in which the messages of events may have been"},

	HostsCut:    {cut, "host", Notice, "flows with a shortened host name"},
	TextsCut:    {cut, "text", Notice, "flows with a shortened text in their metadata"},
	ListsCut:    {cut, "list", Notice, "flows with a shortened list in their metadata"},
	MetadataCut: {cut, "metadata", Notice, "flows with metadata left out: it exceeded the limit of a flow"},
	AnswersCut:  {cut, "answers", Notice, "flows with DNS answers not learnt: they had too many"},

	UndecodedLinkType:   {undecoded, "link-type", Loss, "packets not decoded: link-type"},
	UndecodedNotIP:      {undecoded, "not-ip", Notice, "packets not decoded: not-ip"},
	UndecodedTruncated:  {undecoded, "truncated", Loss, "packets not decoded: truncated"},
	UndecodedIPHeader:   {undecoded, "ip-header", Loss, "packets not decoded: ip-header"},
	UndecodedExtensions: {undecoded, "extensions", Loss, "packets not decoded: extensions"},
	UndecodedTransport:  {undecoded, "transport", Loss, "packets not decoded: transport"},
	UndecodedEncrypted:  {undecoded, "encrypted", Loss, "packets not decoded: encrypted"},
}

func written(kind string) Counter {
	return Counter{"weir_export_written_records_total", kind, Traffic, "records written by outputs of kind " + kind}
}

func dropped(kind string) Counter {
	return Counter{"weir_export_dropped_records_total", kind, Loss,
		"records not exported: the queue of an output of kind " + kind + " was full"}
}

func failed(kind string) Counter {
	return Counter{"weir_export_failed_records_total", kind, Loss,
		"records not exported: an output of kind " + kind + " could not write them"}
}

// exportKinds are the kinds of outputs, in the order of their counters.
var exportKinds = []string{"file", "eve", "syslog", "ipfix", "mqtt", "kafka"}

// Exported returns the counters of a kind of output.
func Exported(kind string) (written, dropped, failed ID, ok bool) {
	i := slices.Index(exportKinds, kind)
	if i < 0 {
		return 0, 0, 0, false
	}
	return ExportFileWritten + ID(i), ExportFileDropped + ID(i), ExportFileFailed + ID(i), true
}

// SPDX-License-Identifier: Apache-2.0

package metric

// ID is a counter's place in the list. To add a counter: an ID, its entry of counters, and a line in the Collect of
// whoever counts.
type ID uint8

// The counters, in the order in which summaries list them.
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
	Unparsed

	LegsUnjoined
	RecordsUnwaited
	OffloadsUnfollowed
	DevicesForgotten
	DevicesRefused

	CopiesForwarded
	CopiesCarried

	PacketsRefused
	PacketsLate
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

	HostsCut // those from here on in the order of dissect.Cut
	TextsCut
	ListsCut
	MetadataCut
	AnswersCut

	UndecodedLinkType // those from here on in the order of packet.Fault
	UndecodedNotIP
	UndecodedTruncated
	UndecodedIPHeader
	UndecodedExtensions
	UndecodedTransport
	UndecodedEncrypted

	numIDs
)

const (
	// CopiesName is that of both counters of copies.
	CopiesName = "weir_copies_total"

	undecoded = "weir_undecoded_packets_total"
	cut       = "weir_metadata_cut_flows_total"
	lost      = "weir_capture_lost_packets_total"
)

var counters = [numIDs]Counter{
	Frames:     {"weir_frames_total", "", Traffic, "frames that workers were given"},
	FrameBytes: {"weir_frame_bytes_total", "", Traffic, "bytes of those frames on the link"},
	Packets: {"weir_packets_total", "", Traffic,
		"packets in flows; the inner ones of tunnels are packets of their own"},
	Bytes:        {"weir_bytes_total", "", Traffic, "bytes of those packets, from the network header on"},
	FlowsCreated: {"weir_flows_total", "", Traffic, "flows"},
	Inspections:  {"weir_inspections_total", "", Traffic, "calls of dissectors"},
	ConnectionLists: {"weir_connection_lists_total", "", Traffic,
		"lists of all connections that the kernel was asked for"},

	RingFull: {lost, "ring-full", Loss, "packets lost: no room in the ring to the worker"},
	RingFullCounted: {"weir_capture_unsampled_packets_total", "", Loss,
		"packets counted but not looked into: no room in the ring to the worker"},
	MapFull: {"weir_capture_worker_counted_packets_total", "", Loss,
		"packets counted by the workers: no flow counter was free (--max-flows)"},
	Uncounted:      {lost, "uncounted", Loss, "packets lost: neither a flow counter was free nor room in the ring"},
	InterfaceDrops: {lost, "interface", Loss, "packets dropped by the interfaces"},
	ConnectionEventsLost: {"weir_connection_event_losses_total", "", Notice,
		"times the kernel had no room for what it tells of connections; it was asked for all of them anew"},
	ConnectionsRefused: {"weir_connections_refused_total", "", Loss,
		"connections not followed: there was no room for them"},
	Unparsed: {"weir_capture_unparsed_packets_total", "", Notice, "packets that are no IP or can't be read"},

	LegsUnjoined: {"weir_nat_legs_unjoined_total", "", Loss,
		"connections reported as two flows: too many NAT legs waited"},
	RecordsUnwaited: {"weir_records_unwaited_total", "", Loss,
		"records that did not wait for their connections' list: too many waited"},
	OffloadsUnfollowed: {"weir_offloaded_connections_unfollowed_total", "", Loss,
		"connections that a card forwards and whose end was not waited for: too many were"},
	DevicesForgotten: {"weir_devices_forgotten_total", "", Loss, "devices forgotten to make room for others"},
	DevicesRefused: {"weir_devices_refused_total", "", Loss,
		"sightings of devices not kept: there was room for surer ones only"},

	CopiesForwarded: {CopiesName, "forwarded", Notice,
		"packets left out as they went out: they were counted where they came in (--count-each counts both)"},
	CopiesCarried: {CopiesName, "carried", Notice,
		"packets left out on one more interface, such as a VLAN's or a bridge's (--count-each counts each)"},

	PacketsRefused: {"weir_flow_table_refused_packets_total", "", Loss,
		"packets in no flow: the table was full (--max-flows)"},
	PacketsLate: {"weir_flow_table_late_packets_total", "", Notice,
		"packets of connections that had ended and gave way: their records were made before (--max-flows)"},
	FlowsEvicted: {"weir_flow_table_evicted_flows_total", "", Loss, "flows ended early to make room (--max-flows)"},
	TunnelLimit: {"weir_tunnel_limit_packets_total", "", Loss,
		"packets with more tunnels in one another than are peeled"},
	UnresolvedFragments: {"weir_unresolved_fragments_total", "", Loss, "later fragments whose first one was not seen"},
	FragmentsForgotten:  {"weir_fragmented_packets_forgotten_total", "", Loss, "fragmented packets forgotten early"},
	AnswersForgotten:    {"weir_dns_answers_forgotten_total", "", Loss, "DNS answers forgotten early"},
	StreamConflicts: {"weir_stream_conflict_segments_total", "", Loss,
		"overlapping TCP segments that contradict one another"},
	StreamHoles: {"weir_stream_hole_segments_total", "", Loss, "TCP segments not reassembled: too many gaps"},
	BufferLimit: {"weir_dissect_buffer_limit_packets_total", "", Loss,
		"packets not kept for dissecting: no memory left for that"},
	CandidateLimit: {"weir_dissect_candidates_dropped_total", "", Loss,
		"times a dissector was not asked again: too many others waited on the same flow"},
	NamesOmitted: {"weir_dns_query_names_omitted_total", "", Notice,
		"names that one flow asked for besides so many others that they are not in its record"},
	Panics: {"weir_dissect_panics_total", "", Loss, "times a dissector broke (--panic-dir saves what it broke over)"},
	ExpectationsForgotten: {"weir_expected_flows_forgotten_total", "", Notice,
		"announced flows no longer waited for: others were announced since"},
	AnswerNamesForgotten: {"weir_dns_answer_names_forgotten_total", "", Notice,
		"names of an address forgotten: its client got others for it since"},

	HostsCut:    {cut, "host", Notice, "flows whose host name was cut"},
	TextsCut:    {cut, "text", Notice, "flows of whose metadata a text was cut"},
	ListsCut:    {cut, "list", Notice, "flows of whose metadata a list was cut"},
	MetadataCut: {cut, "metadata", Notice, "flows of which metadata was left out: there was more than a flow may keep"},
	AnswersCut:  {cut, "answers", Notice, "flows of whose DNS answers not all were learnt"},

	UndecodedLinkType:   {undecoded, "link-type", Loss, "packets not decoded: link-type"},
	UndecodedNotIP:      {undecoded, "not-ip", Notice, "packets not decoded: not-ip"},
	UndecodedTruncated:  {undecoded, "truncated", Loss, "packets not decoded: truncated"},
	UndecodedIPHeader:   {undecoded, "ip-header", Loss, "packets not decoded: ip-header"},
	UndecodedExtensions: {undecoded, "extensions", Loss, "packets not decoded: extensions"},
	UndecodedTransport:  {undecoded, "transport", Loss, "packets not decoded: transport"},
	UndecodedEncrypted:  {undecoded, "encrypted", Loss, "packets not decoded: encrypted"},
}

// SPDX-License-Identifier: Apache-2.0

package metric

// Family is a group of measured values with one name, as Prometheus knows it.
type Family struct {
	Name   string
	Type   string // TypeCounter or TypeGauge
	Help   string
	Labels []string // that each value has
}

// Types of families.
const (
	TypeCounter = "counter"
	TypeGauge   = "gauge"
)

// shared has the help of counters that share a name.
var shared = map[string]string{
	lost:                         "packets lost before they were counted",
	"weir_records_dropped_total": "records left out, because their reader was too slow",
	"weir_reports_dropped_total": "reports left out or lost",
	CopiesName:                   "packets not counted again, because they were counted elsewhere",
	cut:                          "flows with shortened metadata",
	undecoded:                    "packets not decoded",

	"weir_export_written_records_total": "records written by outputs; the cause is their kind",
	"weir_export_dropped_records_total": "records not exported: an output's queue was full; the cause is its kind",
	"weir_export_failed_records_total":  "records that an output could not write; the cause is its kind",
}

// measured are the families that are no counters of the list.
var measured = []Family{
	{"weir_build_info", TypeGauge, "1; the version of weir, and how it captures", []string{"version", "mode"}},
	{"weir_uptime_seconds", TypeGauge, "time since the start of the agent", nil},
	{"weir_live_flows", TypeGauge, "flows that have not ended", nil},
	{"weir_traffic_bytes_total", TypeCounter,
		"bytes of flows, from the network header on, by the flow's direction and by whether the device of the LAN " +
			"sent (upload) or received them", []string{"direction", "way"}},
	{"weir_traffic_packets_total", TypeCounter, "packets of flows", []string{"direction"}},
	{"weir_traffic_flows_total", TypeCounter, "flows that have ended", []string{"direction"}},
	{"weir_protocol_bytes_total", TypeCounter, "bytes of flows by protocol; at most 50 protocols have a name",
		[]string{"protocol", "way"}},
	{"weir_protocol_flows_total", TypeCounter, "flows that have ended, by protocol", []string{"protocol"}},
	{"weir_application_bytes_total", TypeCounter, "bytes of flows by application; at most 50 applications have a name",
		[]string{"application", "way"}},
	{"weir_application_flows_total", TypeCounter, "flows that have ended, by application", []string{"application"}},
	{"weir_interface_bytes_total", TypeCounter,
		"the kernel's count of bytes on a watched interface, link headers included",
		[]string{"interface", "role", "way"}},
	{"weir_interface_packets_total", TypeCounter, "the kernel's count of packets on a watched interface",
		[]string{"interface", "role", "way"}},
	{"weir_interface_dropped_packets_total", TypeCounter,
		"the kernel's count of packets dropped by a watched interface",
		[]string{"interface", "role", "way"}},
	{"weir_queue_length", TypeGauge, "what waits in a queue of the agent", []string{"queue"}},
	{"weir_queue_limit", TypeGauge, "what may wait in it at most", []string{"queue"}},
	{"weir_process_resident_memory_bytes", TypeGauge, "memory of a process of weir", []string{"process"}},
	{"weir_process_cpu_seconds_total", TypeCounter, "CPU time of a process of weir", []string{"process"}},
	{"weir_uplink_connected", TypeGauge, "1 if the sink took the last request; without a sink there is no value", nil},
	{"weir_uplink_queued_reports", TypeGauge, "reports that the sink does not have yet", nil},
	{"weir_uplink_spool_bytes", TypeGauge, "bytes of these reports on disk", nil},
	{"weir_uplink_lost_reports_total", TypeCounter, "reports lost on their way to the sink", nil},
	{"weir_uplink_refused_reports_total", TypeCounter, "reports that the sink will never take", nil},
}

// Families returns all families that weir exposes: the counters of the list, and then the others.
func Families() (all []Family) {
	seen := map[string]bool{}
	for _, c := range All() {
		if seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		f := Family{Name: c.Name, Type: TypeCounter, Help: c.Help}
		if c.Cause != "" {
			f.Labels = []string{"cause"}
			if help, ok := shared[c.Name]; ok {
				f.Help = help
			}
		}
		all = append(all, f)
	}
	return append(all, measured...)
}

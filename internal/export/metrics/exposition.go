// SPDX-License-Identifier: Apache-2.0

// Package metrics is the listener that shows what the agent measures to Prometheus, and whether it works to whoever
// asks: /metrics, /healthz and /readyz.
package metrics

//go:generate go run ./document ../../../docs/METRICS.md

import (
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric"
)

// Content types of the two formats: the text format of Prometheus, and OpenMetrics 1.0, section 4.
const (
	textType        = "text/plain; version=0.0.4; charset=utf-8"
	openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

// exposition writes families in one of the formats.
type exposition struct {
	b             []byte
	isOpenMetrics bool
	family        *metric.Family
}

// Append appends all that an agent measures.
func Append(b []byte, m *control.Metrics, version string, isOpenMetrics bool) []byte {
	e := &exposition{b: b, isOpenMetrics: isOpenMetrics}
	readings := map[string][]metric.Reading{}
	for _, r := range m.Readings {
		readings[r.Name] = append(readings[r.Name], r)
	}
	for _, f := range metric.Families() {
		e.family = &f
		of := readings[f.Name]
		if write := writers[f.Name]; write != nil {
			write(e, m, version)
		}
		for _, r := range of {
			if len(f.Labels) > 0 {
				e.count(r.Value, r.Cause)
			} else {
				e.count(r.Value)
			}
		}
	}
	if isOpenMetrics {
		e.b = append(e.b, "# EOF\n"...)
	}
	return e.b
}

// writers write the values of the families that are no counters of the list. What has no value is left out.
var writers = map[string]func(e *exposition, m *control.Metrics, version string){
	"weir_build_info":     func(e *exposition, m *control.Metrics, version string) { e.count(1, version, m.Mode) },
	"weir_uptime_seconds": func(e *exposition, m *control.Metrics, _ string) { e.value(m.Seconds) },
	"weir_live_flows":     func(e *exposition, m *control.Metrics, _ string) { e.count(m.Live) },

	"weir_traffic_bytes_total":     bytesBy(control.TrafficByDirection),
	"weir_traffic_flows_total":     flowsBy(control.TrafficByDirection),
	"weir_protocol_bytes_total":    bytesBy(control.TrafficByProtocol),
	"weir_protocol_flows_total":    flowsBy(control.TrafficByProtocol),
	"weir_application_bytes_total": bytesBy(control.TrafficByApplication),
	"weir_application_flows_total": flowsBy(control.TrafficByApplication),
	"weir_traffic_packets_total": func(e *exposition, m *control.Metrics, _ string) {
		for _, t := range m.Traffic {
			if t.By == control.TrafficByDirection {
				e.count(t.Packets, t.Name)
			}
		}
	},

	"weir_interface_bytes_total": ofInterfaces(func(i *control.InterfaceMetrics) (uint64, uint64) {
		return i.RxBytes, i.TxBytes
	}),
	"weir_interface_packets_total": ofInterfaces(func(i *control.InterfaceMetrics) (uint64, uint64) {
		return i.RxPackets, i.TxPackets
	}),
	"weir_interface_dropped_packets_total": ofInterfaces(func(i *control.InterfaceMetrics) (uint64, uint64) {
		return i.RxDropped, i.TxDropped
	}),

	"weir_queue_length": func(e *exposition, m *control.Metrics, _ string) {
		for _, q := range m.Queues {
			e.count(uint64(max(q.Length, 0)), q.Name)
		}
	},
	"weir_queue_limit": func(e *exposition, m *control.Metrics, _ string) {
		for _, q := range m.Queues {
			e.count(uint64(max(q.Limit, 0)), q.Name)
		}
	},
	"weir_process_resident_memory_bytes": func(e *exposition, m *control.Metrics, _ string) {
		for _, p := range m.Processes {
			e.count(p.ResidentBytes, p.Name)
		}
	},
	"weir_process_cpu_seconds_total": func(e *exposition, m *control.Metrics, _ string) {
		for _, p := range m.Processes {
			e.value(p.UserSeconds+p.SystemSeconds, p.Name)
		}
	},

	"weir_uplink_connected": ofUplink(func(u *control.Uplink) uint64 {
		if u.Connected {
			return 1
		}
		return 0
	}),
	"weir_uplink_queued_reports":        ofUplink(func(u *control.Uplink) uint64 { return u.Queued }),
	"weir_uplink_spool_bytes":           ofUplink(func(u *control.Uplink) uint64 { return u.SpoolBytes }),
	"weir_uplink_lost_reports_total":    ofUplink(func(u *control.Uplink) uint64 { return u.Lost }),
	"weir_uplink_refused_reports_total": ofUplink(func(u *control.Uplink) uint64 { return u.Refused }),
}

func bytesBy(by string) func(*exposition, *control.Metrics, string) {
	return func(e *exposition, m *control.Metrics, _ string) {
		for _, t := range m.Traffic {
			if t.By == by {
				e.count(t.Upload, t.Name, "upload")
				e.count(t.Download, t.Name, "download")
			}
		}
	}
}

func flowsBy(by string) func(*exposition, *control.Metrics, string) {
	return func(e *exposition, m *control.Metrics, _ string) {
		for _, t := range m.Traffic {
			if t.By == by {
				e.count(t.Flows, t.Name)
			}
		}
	}
}

func ofInterfaces(of func(*control.InterfaceMetrics) (rx, tx uint64)) func(*exposition, *control.Metrics, string) {
	return func(e *exposition, m *control.Metrics, _ string) {
		for i := range m.Interfaces {
			at := &m.Interfaces[i]
			rx, tx := of(at)
			e.count(rx, at.Name, at.Role, "received")
			e.count(tx, at.Name, at.Role, "sent")
		}
	}
}

func ofUplink(of func(*control.Uplink) uint64) func(*exposition, *control.Metrics, string) {
	return func(e *exposition, m *control.Metrics, _ string) {
		if m.Uplink != nil {
			e.count(of(m.Uplink))
		}
	}
}

// count writes a whole number, value any, with the values of the family's labels.
func (e *exposition) count(n uint64, labels ...string) {
	e.sample(labels)
	e.b = append(strconv.AppendUint(e.b, n, 10), '\n')
}

func (e *exposition) value(v float64, labels ...string) {
	e.sample(labels)
	e.b = append(strconv.AppendFloat(e.b, v, 'g', -1, 64), '\n')
}

// sample writes what precedes a value, the family's head before its first one.
func (e *exposition) sample(labels []string) {
	f := e.family
	e.head()
	e.b = append(e.b, f.Name...)
	for i, label := range f.Labels {
		e.b = append(e.b, "{,"[min(i, 1)])
		e.b = append(append(e.b, label...), `="`...)
		e.b = append(append(e.b, labelEscapes.Replace(strings.ToValidUTF8(labels[i], "\ufffd"))...), '"')
	}
	if len(f.Labels) > 0 {
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ' ')
}

// head writes help and type, once. In OpenMetrics a family of counters has the name without _total.
func (e *exposition) head() {
	f := e.family
	if f.Help == "" {
		return
	}
	name := f.Name
	if e.isOpenMetrics {
		name = strings.TrimSuffix(name, "_total")
	}
	e.b = append(e.b, "# HELP "+name+" "+helpEscapes.Replace(f.Help)+"\n# TYPE "+name+" "+f.Type+"\n"...)
	f.Help = ""
}

var (
	labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	helpEscapes  = strings.NewReplacer(`\`, `\\`, `"`, `'`, "\n", " ") // quotes are escaped in OpenMetrics only
)

// SPDX-License-Identifier: Apache-2.0

// Package metrics shows Prometheus what a sink does. No series names an agent, an address or a device.
package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/metric/listener"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
)

// Sink is what is measured. All of it may be called concurrently.
type Sink struct {
	Version  string
	Folder   string // of the data
	Counters *status.Counters
	Queue    func() (reports, bytes int64)
	Agents   func(context.Context) ([]store.Agent, error)
}

const (
	// silentAfter is the age of an agent's last report from which it counts as silent: three intervals.
	silentAfter = 45 * time.Second
	askTime     = 5 * time.Second
)

// Handler serves /metrics, /healthz and /readyz for a listener at that address.
func Handler(address string, s *Sink) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(s, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: r,
		MaxRequestsInFlight: 4, Timeout: 2 * askTime}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, s.ready(r.Context())) })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "weir-sink: /metrics /healthz /readyz\n")
	})
	return listener.Guard(address, mux)
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}

// ready: the store answers. Its error may name files, which are nobody's business here.
func (s *Sink) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if _, err := s.Agents(ctx); err != nil {
		return errors.New("the database does not answer; the sink's log says why")
	}
	return nil
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("weir_sink_"+name, help, labels, nil)
}

var (
	info = describe("info", "1; the label has the sink's version", "version")

	requests = describe("requests_total", "requests with reports whose signature was right")
	reports  = describe("reports_total",
		"reports: received (on the sink's disk), duplicate (had come before), stored (in the database)", "state")
	refused       = describe("refused_total", "requests, enrolments and reports that were refused", "cause")
	receivedBytes = describe("received_bytes_total", "bytes of reports as sent")
	decompressed  = describe("decompressed_bytes_total", "bytes of reports after decompression")

	queueReports  = describe("queue_reports", "reports that wait for the database")
	queueBytes    = describe("queue_bytes", "bytes that wait for the database")
	damaged       = describe("queue_damaged_bytes_total", "bytes of the queue that could not be read")
	storing       = describe("store_seconds", "duration of the database's transactions")
	storeFailures = describe("store_failures_total", "transactions of the database that failed")

	agents = describe("agents", "enrolled agents that have reported: silent if the last report is older than 45 s",
		"state")
	missing  = describe("reports_missing", "reports that the agents have made and that have not come")
	storeUp  = describe("store_up", "1 if the database answers")
	diskFree = describe("disk_free_bytes", "room that the sink may use on the disk of its data")
)

// Describe tells the families.
func (s *Sink) Describe(to chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{info, requests, reports, refused, receivedBytes, decompressed, queueReports,
		queueBytes, damaged, storing, storeFailures, agents, missing, storeUp, diskFree} {
		to <- d
	}
}

// Collect reads all values.
func (s *Sink) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	c := s.Counters
	gauge(info, 1, s.Version)
	count(requests, c.Requests.Load())
	count(reports, c.Received.Load(), "received")
	count(reports, c.Duplicates.Load(), "duplicate")
	count(reports, c.Stored.Load(), "stored")
	for _, cause := range status.Causes() {
		count(refused, c.Refused(cause), cause.String())
	}
	count(receivedBytes, c.BytesIn.Load())
	count(decompressed, c.BytesOut.Load())
	waiting, bytes := s.Queue()
	gauge(queueReports, float64(waiting))
	gauge(queueBytes, float64(bytes))
	count(damaged, c.Damaged.Load())
	count(storeFailures, c.StoreFails.Load())
	s.collectStoring(to)
	s.collectAgents(gauge)
	var disk unix.Statfs_t
	if unix.Statfs(s.Folder, &disk) == nil {
		gauge(diskFree, float64(disk.Bavail)*float64(disk.Bsize))
	}
}

func (s *Sink) collectStoring(to chan<- prometheus.Metric) {
	upTo, n, sum := s.Counters.Storing.Read()
	buckets := map[float64]uint64{}
	for i, bound := range status.Bounds {
		buckets[bound.Seconds()] = upTo[i]
	}
	to <- prometheus.MustNewConstHistogram(storing, n, sum.Seconds(), buckets)
}

// collectAgents asks the database, which may not answer: then it has no agents to tell of.
func (s *Sink) collectAgents(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	all, err := s.Agents(ctx)
	if err != nil {
		gauge(storeUp, 0)
		return
	}
	gauge(storeUp, 1)
	var silent, lost float64
	for i := range all {
		if time.Since(all[i].Received) > silentAfter {
			silent++
		}
		lost += float64(all[i].Missing)
	}
	gauge(agents, float64(len(all))-silent, "reporting")
	gauge(agents, silent, "silent")
	gauge(missing, lost)
}

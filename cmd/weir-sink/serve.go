// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"errors"
	"fmt"
	"net/http"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/metric/listener"
	"github.com/weirnet/weir/internal/notify"
	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/authority"
	"github.com/weirnet/weir/internal/sink/portal"
	"github.com/weirnet/weir/internal/sink/server"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/duckdb"
	"github.com/weirnet/weir/internal/usage"
)

const day = 24 * time.Hour

func newServe() *cobra.Command {
	var keepDays, keepSumsDays, keepGB int
	var config server.Config
	var metricsRemote bool
	log := logging.Options{Program: "weir-sink"}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Take reports and serve the page, until SIGTERM or Ctrl-C",
		Long: "Takes the reports of enrolled agents on --listen, over TLS, and serves the page on --portal, on this " +
			"machine only. At the first start the sink makes a certificate authority and a certificate for itself; " +
			"each enrolment code has the hash of that authority, so agents need no other proof of the sink.",
		Example: "  weir-sink serve --data /var/lib/weir-sink\n" +
			"  weir-sink serve --listen :8443 --name sink.example.org",
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			config.Folder, config.Version = folder(c), version
			config.Retention = store.Retention{Flows: time.Duration(keepDays) * day,
				Rollups: time.Duration(keepSumsDays) * day, Bytes: int64(keepGB) << 30}
			if err := checkServe(&config, keepDays, keepSumsDays, keepGB); err != nil {
				return err
			}
			if config.Metrics != "" {
				if err := listener.Check(config.Metrics, metricsRemote); err != nil {
					return fmt.Errorf("--metrics-listen %w", err)
				}
			}
			logger, err := logging.New(c.ErrOrStderr(), log)
			if err != nil {
				return err
			}
			return serve(c, config, logger)
		},
	}
	f := c.Flags()
	f.StringVar(&config.Listen, "listen", "127.0.0.1:8443", "address for the agents' reports")
	f.StringVar(&config.Portal, "portal", "127.0.0.1:8080", "address for the page: a loopback address")
	f.StringVar(&config.Metrics, "metrics-listen", "",
		"serve metrics for Prometheus at this address and port, such as 127.0.0.1:9168 (default none)")
	f.BoolVar(&metricsRemote, "metrics-remote", false, "let others than this machine read the metrics")
	f.StringArrayVar(&config.Names, "name", nil,
		"a host name or address by which agents reach the sink; the first is in enrolment commands")
	f.StringVar(&config.Certificate, "tls-cert", "",
		"a certificate with its chain, in place of the sink's own (with --tls-key)")
	f.StringVar(&config.Key, "tls-key", "", "the certificate's key")
	f.IntVar(&keepDays, "keep-days", 30, "days for which flows are kept")
	f.IntVar(&keepSumsDays, "keep-sums-days", 400, "days for which sums by hour and day are kept")
	f.StringVar(&log.Format, "log-format", logging.FormatText, "messages on standard error: text or json")
	f.StringVar(&log.Level, "log-level", "info", "the least important messages: debug, info, warn or error")
	f.IntVar(&keepGB, "keep-gb", 20, "GiB that the database may take")
	return c
}

// checkServe refuses flags that make no sense.
func checkServe(c *server.Config, counts ...int) error {
	for i, flag := range []string{"keep-days", "keep-sums-days", "keep-gb"} {
		if counts[i] < 1 || counts[i] > 36_500 {
			return fmt.Errorf("--%s %d: must be a number from 1 to 36500", flag, counts[i])
		}
	}
	for _, name := range c.Names {
		if err := authority.CheckName(name); err != nil {
			return fmt.Errorf("--name: %w", err)
		}
	}
	if (c.Certificate == "") != (c.Key == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	return nil
}

func serve(c *cobra.Command, config server.Config, log *logging.Logger) error {
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config.Log = log.Warnf
	defer log.Flush()
	config.OpenStore = func(folder string) (store.Store, error) {
		return duckdb.Open(filepath.Join(folder, "weir.duckdb"), duckdb.Config{})
	}
	config.Page = func(s store.Store, now func() status.Snapshot) (page, questions http.Handler, changed func()) {
		bell := new(api.Bell)
		questions = api.New(s, func() any { return now() }, bell)
		mux := http.NewServeMux()
		mux.Handle(api.Prefix, questions)
		mux.Handle("/", portal.Handler())
		return mux, questions, bell.Ring
	}
	s, err := server.Open(config)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "agents: https://%s\ncertificate authority: %s (SHA-256)\npage, once: %s\n",
		s.Address(), s.Fingerprint(), s.Link())
	if at := s.MetricsAddress(); at != "" {
		fmt.Fprintf(c.OutOrStdout(), "metrics: http://%s/metrics\n", at)
	}
	manager, err := notify.Open()
	if err != nil {
		log.Warnf("the service manager can't be told how weir-sink is: %v", err)
	}
	defer manager.Close()
	go manager.Keep(ctx, func() string { // which needs the locks of the queue and of the agents
		return fmt.Sprintf("agents: https://%s; %d reports wait for the database", s.Address(),
			s.Status().Queue.Reports)
	})
	return s.Run(ctx)
}

// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/weirnet/weir/internal/export"
)

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context, f export.Feed) error {
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	server := &http.Server{Handler: s.Handler(f.Ask), ReadHeaderTimeout: headTime, ReadTimeout: headTime,
		WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0)} // anybody who reaches it can cause errors
	served := make(chan error, 1)
	go func() { served <- server.Serve(newLimited(l)) }()
	f.Logger().Infof("metrics: http://%s/metrics", l.Addr())
	select {
	case err := <-served:
		return fmt.Errorf("metrics: %w", err)
	case <-ctx.Done():
		return server.Close()
	}
}

// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"net"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/metric/listener"
)

// State implements export.Server.
func (s *Server) State() control.ListenerState {
	return control.ListenerState{At: "http://" + s.Listen + "/metrics"}
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context, f export.Feed) error {
	l, err := net.Listen("tcp", s.Listen)
	if err == nil {
		f.Logger().Infof("metrics: http://%s/metrics", l.Addr())
		err = listener.Serve(ctx, l, s.Handler(f.Ask))
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

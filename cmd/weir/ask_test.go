// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/hosts"
)

// TestAskNamesTheOtherSocket: without a weir at a path, the error names an existing other socket.
func TestAskNamesTheOtherSocket(t *testing.T) {
	mine, other := filepath.Join(t.TempDir(), "mine.sock"), filepath.Join(t.TempDir(), "root.sock")
	_, err := control.Ask(mine, &control.Request{Hosts: true})
	if !errors.Is(err, control.ErrNotRunning) {
		t.Fatal(err)
	}
	if got := nameOther(err, mine, other); got.Error() != err.Error() {
		t.Errorf("without another socket: %v", got)
	}
	l, listenErr := net.Listen("unix", other)
	if listenErr != nil {
		t.Fatal(listenErr)
	}
	defer l.Close()
	if got := nameOther(err, mine, other); !errors.Is(got, control.ErrNotRunning) ||
		!strings.Contains(got.Error(), "--socket "+other) {
		t.Errorf("with another socket: %v", got)
	}
	if got := nameOther(err, other, other); got.Error() != err.Error() {
		t.Errorf("error about that socket itself: %v", got)
	}
	if got := nameOther(nil, mine, other); got != nil {
		t.Errorf("answered: %v", got)
	}
}

// TestHostsTableIsNotPushedApart: one long name does not pad the rows of all devices.
func TestHostsTableIsNotPushedApart(t *testing.T) {
	long := hosts.Host{MAC: "02:00:5e:00:53:01", Names: []hosts.Name{{Name: strings.Repeat("x", 250)}},
		Vendor: strings.Repeat("v", 250)}
	short := hosts.Host{MAC: "02:00:5e:00:53:02"}
	var out strings.Builder
	if err := writeHosts(&out, []hosts.Host{long, short}, time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > 200 {
			t.Errorf("a line of %d: %s", len([]rune(line)), line)
		}
	}
	if !strings.Contains(out.String(), "x…") {
		t.Errorf("no cut is marked:\n%s", out.String())
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/usage"
)

func newRestart() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "restart [flags]",
		Short: "Restart the running weir in its place, without a gap",
		Long: `Make the running weir execute its program anew, in the same process: after an upgrade the new one. It
reads its settings anew, with the arguments and the environment that it was started with.

In mode ebpf the kernel goes on counting meanwhile: no packet is uncounted, and a flow that is under way
goes on, with its name. In other modes, all flows end and capture begins anew. If the program can't be
executed, the running weir stays as it is, and says so in its log. SIGUSR2 to weir does the same.

Exit status: 0 when the next weir answers, 1 if it does not, or if no weir answers, 2 for wrong usage.`,
		Example: "  sudo install -m 755 weir /usr/local/bin/weir && sudo weir restart",
		Args:    usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := restartWeir(socket); err != nil {
				return partialError{err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&socket, "socket", control.DefaultPath(), "the running weir's socket")
	return c
}

// Bounds of a restart: of the time until the old weir begins to end, and until the next one answers. The old one may
// take a minute for its last records, and 25 seconds for its last reports.
const (
	restartBegins = 20 * time.Second
	restartEnds   = 2 * time.Minute
	restartLook   = 50 * time.Millisecond
)

// restartWeir restarts the weir at a socket, and waits until the next one captures.
func restartWeir(socket string) error {
	answer, err := ask(socket, &control.Request{Status: true})
	if err != nil {
		return err
	}
	var s control.Status
	if err := json.Unmarshal(answer.Status, &s); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if !s.Restarts {
		return errors.New("the running weir is an older one, which can't restart in place: restart its service")
	}
	before, err := epochOf(socket)
	if err != nil {
		return err
	}
	pid, err := control.Owner(socket)
	if err != nil {
		return err
	}
	if err := unix.Kill(pid, unix.SIGUSR2); err != nil {
		return fmt.Errorf("signal weir (process %d): %w", pid, err)
	}
	began := time.Now()
	for hasEnded := false; time.Since(began) < restartEnds; time.Sleep(restartLook) {
		now, err := epochOf(socket)
		switch {
		case err != nil:
			hasEnded = true
		case now != before:
			return nil
		case !hasEnded && time.Since(began) > restartBegins:
			return errors.New("weir has not restarted: its log says why")
		}
	}
	return errors.New("weir does not answer after the restart: its log says why")
}

// epochOf returns what differs from one weir to the next at a socket.
func epochOf(socket string) (string, error) {
	stream, err := control.Follow(socket, &control.Flows{Ended: true})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	return stream.Hello.Epoch, nil
}

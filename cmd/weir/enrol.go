// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/ship"
	"github.com/weirnet/weir/internal/ship/enrol"
	"github.com/weirnet/weir/internal/uplink"
)

func newEnrol() *cobra.Command {
	var state, name, clientCert, clientKey string
	var isForced bool
	c := &cobra.Command{
		Use:   "enrol [flags] URL CODE",
		Short: "Make this agent known to a sink",
		Long: `Make this agent known to the sink at URL, to which weir run then sends its reports. The sink's
administrator makes the one-time CODE with weir-sink agent enrol NAME. The code also names the certificate
authority of the sink, so that no other server can take its place.

The agent makes a key of its own, which never leaves --state-dir. A running weir takes up the sink when
it is started again.

Exit status: 0 when the sink knows the agent, 1 if the sink or the network refused, 2 for wrong usage.`,
		Example: `  weir enrol https://sink.example:8443 ABCDEF-GHIJKL-MNOPQR-STUVWX-YZ2345-67ABCD-EFGHIM
  weir enrol --name gateway-3 https://192.0.2.7:8443 CODE
  weir enrol --force https://new-sink.example:8443 CODE`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("weir enrol needs the sink's URL and an enrolment code (see weir enrol --help)")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" {
				var err error
				if name, err = os.Hostname(); err != nil {
					return fmt.Errorf("%w; give the agent a --name", err)
				}
			}
			client, err := readClient(clientCert, clientKey)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
			defer stop()
			sink, err := enrol.Enrol(ctx, enrol.Request{Folder: filepath.Join(state, ship.UplinkFolder), URL: args[0],
				Code: args[1], Name: name, Version: version, Client: client, Force: isForced})
			if errors.Is(err, uplink.ErrCode) || errors.Is(err, enrol.ErrEnrolled) {
				return err // nothing was tried
			}
			var folder *fs.PathError
			if errors.As(err, &folder) {
				return stateError(state, err)
			}
			if err != nil {
				return partialError{err}
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "enrolled at %s as %s (agent %s); weir run sends reports there\n",
				control.Printable(sink.URL), control.Printable(sink.Name), control.Printable(sink.Agent))
			return err
		},
	}
	c.Flags().StringVar(&state, "state-dir", defaults.StateDir,
		"directory for the agent's key, and what it knows of the sink")
	c.Flags().StringVar(&name, "name", "", "name of this gateway (default: the host's name)")
	c.Flags().StringVar(&clientCert, "client-cert", "",
		"PEM file with a TLS certificate of the agent, for a sink behind a server that wants one")
	c.Flags().StringVar(&clientKey, "client-key", "", "PEM file with its key (default: the file of --client-cert)")
	c.Flags().BoolVar(&isForced, "force", false, "enrol an enrolled agent anew, as another agent")
	return c
}

// stateError says which flag names the folder that can't be used, and what to do.
func stateError(state string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("--state-dir %s: %w: run this as root, or as the user of weir run", state, err)
	}
	return fmt.Errorf("--state-dir %s: %w", state, err)
}

// readClient reads the agent's own certificate and its key, if there is one.
func readClient(certificate, key string) (text []byte, err error) {
	for _, path := range []string{certificate, key} {
		if path == "" {
			continue
		}
		if certificate == "" {
			return nil, errors.New("--client-key needs --client-cert")
		}
		part, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		text = append(append(text, part...), '\n')
	}
	return text, nil
}

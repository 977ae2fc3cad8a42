// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/weirnet/weir/internal/control"
)

// rootSocket is the socket of root's weir, control.DefaultPath of root.
const rootSocket = "/run/weir.sock"

// ask queries the running weir. If none answers at this user's own path, the error names root's socket, if that exists.
func ask(path string, r *control.Request) (*control.Answer, error) {
	answer, err := control.Ask(path, r)
	return answer, nameOther(err, path, rootSocket)
}

// nameOther adds to an error about a path that another socket exists.
func nameOther(err error, path, other string) error {
	if !errors.Is(err, control.ErrNotRunning) || path == other {
		return err
	}
	if info, statErr := os.Stat(other); statErr != nil || info.Mode().Type() != os.ModeSocket {
		return err
	}
	return fmt.Errorf("%w; root's socket %s exists: run as root, or with --socket %s", err, other, other)
}

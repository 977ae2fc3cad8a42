// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/weirnet/weir/internal/control"
)

// rootSocket is where a weir that root started answers, control.DefaultPath of root.
const rootSocket = "/run/weir.sock"

// ask asks the running weir. Where none answers at this user's own place, but root's has a socket, that is named.
func ask(path string, r *control.Request) (*control.Answer, error) {
	answer, err := control.Ask(path, r)
	return answer, nameOther(err, path, rootSocket)
}

// nameOther adds to an error of asking at a path that there is a socket at another one.
func nameOther(err error, path, other string) error {
	if !errors.Is(err, control.ErrNotRunning) || path == other {
		return err
	}
	if info, statErr := os.Stat(other); statErr != nil || info.Mode().Type() != os.ModeSocket {
		return err
	}
	return fmt.Errorf("%w; there is root's socket %s: ask as root, or with --socket %s", err, other, other)
}

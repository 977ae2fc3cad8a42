// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"testing"
)

// Lacks reports that the machine lacks something that a test needs: a failure with CI=true, else it skips the test.
func Lacks(t testing.TB, what ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what...)
	}
	t.Skip(what...)
}

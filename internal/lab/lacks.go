// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"testing"
)

// Lacks says what a test needs and the machine has not: a failure where CI=true, else the test is skipped.
func Lacks(t testing.TB, what ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what...)
	}
	t.Skip(what...)
}

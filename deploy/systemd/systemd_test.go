// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
)

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		lab.Lacks(t, "systemd-analyze is missing (Debian's package systemd)")
	}
	out, err := exec.Command("systemd-analyze", append([]string{"--no-pager"}, args...)...).CombinedOutput()
	if err != nil && args[0] != "verify" { // which reports that weir is not installed here
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

var overall = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// TestExposure: 10 is a service without any protection (systemd-analyze(1)).
func TestExposure(t *testing.T) {
	for unit, most := range map[string]float64{"weir.service": 2.5, "weir-sink.service": 1.5} {
		out := analyze(t, "security", "--offline=true", unit)
		found := overall.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("%s: no level in\n%s", unit, out)
		}
		level, err := strconv.ParseFloat(found[1], 64)
		if err != nil || level > most {
			t.Errorf("%s: exposure %s, %.1f is the most (%v)\n%s", unit, found[1], most, err, out)
		}
	}
}

// TestUnitsAreValid: systemd knows all keys and values.
func TestUnitsAreValid(t *testing.T) {
	units, err := filepath.Glob("*.service")
	if err != nil || len(units) < 2 {
		t.Fatalf("%q, %v", units, err)
	}
	for _, unit := range units {
		for line := range strings.Lines(analyze(t, "verify", "./"+unit)) {
			if !strings.Contains(line, "is not executable: No such file") {
				t.Errorf("%s: %s", unit, line)
			}
		}
	}
}

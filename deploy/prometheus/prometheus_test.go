// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/testing/lab"
)

// TestRules: each alert fires when it should, and none when all is well.
func TestRules(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		lab.Lacks(t, "promtool is missing (Debian's package prometheus)")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestRulesKnowTheMetrics: weir has each metric that a rule names, and a test of the rules tries each alert.
func TestRulesKnowTheMetrics(t *testing.T) {
	rules, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\bweir_[a-z_]+`).FindAllString(string(rules), -1)
	alerts := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	if len(names) == 0 || len(alerts) == 0 {
		t.Fatal("no metric, or no alert")
	}
	for _, name := range names {
		if strings.HasPrefix(name, "weir_sink_") { // internal/sink/metrics has the test
			continue
		}
		if !slices.ContainsFunc(metric.Families(), func(f metric.Family) bool { return f.Name == name }) {
			t.Errorf("weir has no metric %s", name)
		}
	}
	for _, a := range alerts {
		fires := regexp.MustCompile(`alertname: ` + a[1] + `\n\s+exp_alerts: \[\{exp_labels`)
		if !fires.Match(tests) {
			t.Errorf("no test lets %s fire", a[1])
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/packet"
)

func TestConfigCommands(t *testing.T) {
	good := file(t, "good.yaml", []byte("flows:\n  packets_tcp: 20\n"))
	bad := file(t, "bad.yaml", []byte("flows:\n  packets_tpc: 20\n"))
	t.Setenv("WEIR_FLOWS_PACKETS_OTHER", "30")
	for _, c := range []struct {
		args   []string
		status int
		says   []string
	}{
		{[]string{"default"}, 0, []string{"packets_tcp: 10", "# LAN, WAN"}},
		{[]string{"check", good}, 0, []string{"no problems"}},
		{[]string{"check", good, bad}, 1, []string{bad + ":2: unknown key", `did you mean "packets_tcp"?`,
			"packets_tpc: 20\n", "1 of 2 files"}},
		{[]string{"check", "/no/such.yaml"}, 1, []string{"/no/such.yaml"}},
		{[]string{"show", "--config", good}, 0, []string{good + ":2", "WEIR_FLOWS_PACKETS_OTHER", "default"}},
		{[]string{"show", "--config", bad}, 2, []string{"unknown key"}},
	} {
		status, out, stderr := weir(append([]string{"config"}, c.args...)...)
		if status != c.status {
			t.Errorf("%v: status %d", c.args, status)
		}
		for _, want := range c.says {
			if !strings.Contains(out+stderr, want) {
				t.Errorf("%v: no %q in\n%s%s", c.args, want, out, stderr)
			}
		}
	}
}

// TestReplayTakesSettings: replay takes settings from a file, which flags override.
func TestReplayTakesSettings(t *testing.T) {
	settings := file(t, "weir.yaml", []byte("output:\n  format: csv\ncapture:\n  interfaces: [lan0]\n"))
	if status, out, stderr := weir("replay", "--config", settings, capture); status != 0 ||
		!strings.HasPrefix(out, "first_seen,") {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
	if status, out, stderr := weir("replay", "--config", settings, "-o", "ndjson", capture); status != 0 ||
		!strings.HasPrefix(out, "{") {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
	t.Setenv("WEIR_CONFIG", settings)
	if status, out, stderr := weir("replay", capture); status != 0 || !strings.HasPrefix(out, "first_seen,") {
		t.Errorf("status %d, %s%s", status, out, stderr)
	}
}

// TestConfinedArgs: the confined process, which cannot read the file, gets all settings as flags.
func TestConfinedArgs(t *testing.T) {
	t.Setenv("WEIR_CONFIG", file(t, "weir.yaml", []byte("capture:\n  interfaces: [lan0, 'eth*']\n  promiscuous: "+
		"true\nflows:\n  max: 1000\n")))
	if status, _, stderr := weir("run", "--max-packets-tcp", "201"); status != 2 ||
		stderr != "weir: --max-packets-tcp 201: must be 1 to 200\n" {
		t.Errorf("status %d, %q", status, stderr)
	}
	c := newRun()
	if err := c.ParseFlags([]string{"--duration", "3s", "--workers", "2", "-o", "csv"}); err != nil {
		t.Fatal(err)
	}
	settings := loaderOf(t, c.Name(), "--workers", "2", "-o", "csv")
	got := confinedArgs(c, settings)
	want := []string{"run", "--interface=lan0", "--interface=eth*", "--promiscuous=true", "--workers=2",
		"--max-flows=1000", "--output=csv", "--duration=3s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func loaderOf(t *testing.T, command string, args ...string) *config.Loader {
	t.Helper()
	l := config.NewLoader(command)
	f := pflag.NewFlagSet(command, pflag.ContinueOnError)
	l.AddFlags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := l.Load(); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestIdleTimes: the idle times are settings, from which others are derived.
func TestIdleTimes(t *testing.T) {
	// Two datagrams of one flow, 40 seconds apart, and a later packet to advance the time.
	split := captureFile(t, packet.LinkRaw, frameAt{0, ipv4(1, 17, datagram(60001))},
		frameAt{40e9, ipv4(1, 17, datagram(60001))})
	for idle, want := range map[string]int{"60s": 1, "30s": 2} {
		_, out, stderr := weir("replay", "-o", "ndjson", "--idle", idle, split)
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("idle for %s: %d flows, want %d\n%s", idle, got, want, stderr)
		}
	}
	t.Setenv("WEIR_FLOWS_IDLE", "2m")
	t.Setenv("WEIR_FLOWS_TCP_IDLE", "10m")
	if _, out, _ := weir("config", "show"); !strings.Contains(out, "3m0s") || !strings.Contains(out, "11m0s") {
		t.Errorf("got\n%s", out)
	}
}

// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write testdata/default.yaml anew")

// TestSettings: the tags are complete and valid.
func TestSettings(t *testing.T) {
	key := regexp.MustCompile(`^[a-z]+\.[a-z]+(_[a-z]+)*$`)
	seen := map[string]bool{}
	for _, s := range Settings() {
		if !key.MatchString(s.Key) || seen[s.Key] || s.Flag == "" || s.Help == "" || strings.Contains(s.Help, "`") {
			t.Errorf("%+v", s)
		}
		seen[s.Key] = true
		for _, command := range []string{"run", "top", "replay"} {
			if s.IsFor(command) && seen[command+" "+s.Flag] {
				t.Errorf("%s has --%s twice", command, s.Flag)
			}
			seen[command+" "+s.Flag] = seen[command+" "+s.Flag] || s.IsFor(command)
		}
		if err := s.set(new(Config), s.Texts(Default())); err != nil {
			t.Errorf("the default of %s: %v", s.Key, err)
		}
	}
}

// TestDefaultFile: the output of weir config default loads, and equals the defaults.
func TestDefaultFile(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Default()); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/default.yaml"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s", &b)
	}
	if c := load(t, NewLoader(""), b.String()); !reflect.DeepEqual(written(t, c), written(t, Default())) {
		t.Errorf("read again it is\n%s", written(t, c))
	}
}

func written(t *testing.T, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// load makes l read a file with the given text.
func load(t *testing.T, l *Loader, text string, args ...string) *Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := pflag.NewFlagSet("weir", pflag.ContinueOnError)
	l.AddFlags(f)
	if err := f.Parse(append([]string{"--config", name}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := l.Load(); err != nil {
		t.Fatal(err)
	}
	return &l.Config
}

// TestPrecedence: flags override the environment, which overrides the file, which overrides the defaults.
func TestPrecedence(t *testing.T) {
	t.Setenv("WEIR_FLOWS_PACKETS_TCP", "20")
	t.Setenv("WEIR_FLOWS_PACKETS_OTHER", "21")
	t.Setenv("WEIR_CAPTURE_INTERFACES", "env0, env1")
	t.Setenv("WEIR_FLOWS_MAX", "") // an empty variable counts as unset
	// A service's defaults are below all of these.
	t.Setenv("WEIR_DEFAULT_FLOWS_UPDATE_EVERY", "10s")
	t.Setenv("WEIR_DEFAULT_FLOWS_PACKETS_OTHER", "11")
	t.Setenv("WEIR_DEFAULT_CONTROL_SOCKET", "/run/weir/weir.sock")
	l := NewLoader("run")
	c := load(t, l, `# a file
capture:
  interfaces: [file0]
  cpus: [1, 2]
flows: {packets_tcp: 30, packets_other: 31, max: 1000, update_every: 90s}
network:
  lan_networks:
    - 10.1.2.3/8
  no_conntrack: true
names:
devices:
  state: /var/lib/weir
`, "--max-packets-tcp", "40", "-i", "flag0", "--interface=flag1", "--lan-network", "2001:db8::/32", "--lan-network",
		"10.0.0.0/8", "--cpus", "3,4")
	for key, want := range map[string]string{
		"flows.packets_tcp": "40 --max-packets-tcp", "flows.packets_other": "21 WEIR_FLOWS_PACKETS_OTHER",
		"flows.max":            "1000 weir.yaml:5",
		"capture.interfaces":   "flag0, flag1 --interface",
		"network.lan_networks": "2001:db8::/32, 10.0.0.0/8 --lan-network",
		"capture.cpus":         "3, 4 --cpus", "flows.update_every": "1m30s weir.yaml:5",
		"capture.mode":         "auto default",
		"control.socket":       "/run/weir/weir.sock WEIR_DEFAULT_CONTROL_SOCKET",
		"network.no_conntrack": "true weir.yaml:9", "devices.state": "/var/lib/weir weir.yaml:12",
		"flows.keep_tunnels": "false default",
	} {
		for _, s := range Settings() {
			if got := s.Text(c) + " " + filepath.Base(l.Source(&s)); s.Key == key && got != want {
				t.Errorf("%s is %s, want %s", key, got, want)
			}
		}
	}
	// The flags alone give another process the same configuration.
	t.Setenv("WEIR_DEFAULT_CONTROL_SOCKET", "")
	again := NewLoader("run")
	f := pflag.NewFlagSet("weir", pflag.ContinueOnError)
	again.AddFlags(f)
	if err := f.Parse(l.Args()); err != nil {
		t.Fatal(err)
	}
	if err := again.Load(); err != nil {
		t.Fatal(err)
	}
	if written(t, &again.Config) != written(t, c) {
		t.Errorf("%q give\n%s", l.Args(), written(t, &again.Config))
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a wrong name", "flows:\n  packets_tpc: 9\n",
			[]string{`f.yaml:2: unknown key "packets_tpc" in flows; did you mean "packets_tcp"?`,
				"    1 | flows:\n    2 |   packets_tpc: 9\n      |   ^"}},
		{"a flag's name", "flows:\n  max-flows: 9\n", []string{`did you mean "max"?`}},
		{"a setting without its group", "max_flows: 9\n",
			[]string{`f.yaml:1: unknown key "max_flows"; did you mean "flows.max"?`}},
		{"a wrong group", "capture:\n  packets_tcp: 9\n", []string{`in capture; did you mean "flows.packets_tcp"?`}},
		{"a group's wrong name", "flow:\n  max: 9\n", []string{`did you mean "flows"?`}},
		{"nothing like it", "flows:\n  qqqqqqqqqq: 9\n", []string{`unknown key "qqqqqqqqqq" in flows` + "\n"}},
		{"a number out of its bounds", "flows:\n  packets_tcp: 0\n",
			[]string{"f.yaml:2: flows.packets_tcp: 0: must be 1 to 200", "^"}},
		{"no number", "flows:\n  packets_tcp: many\n", []string{`"many": must be a number`}},
		{"a time without a unit", "flows:\n  update_every: 10\n", []string{`"10": must be a time such as 90s`}},
		{"a negative time", "flows:\n  update_every: -1s\n", []string{"-1s: must be 0s to 24h"}},
		{"a mode", "capture:\n  mode: xdp\n", []string{"must be auto, ebpf, libpcap or afpacket"}},
		{"a truth value", "network:\n  no_conntrack: yes\n", []string{`"yes": must be true or false`}},
		{"a network", "network:\n  lan_networks: [10.0.0.0/8, 10.0.0.1]\n", []string{"f.yaml:2: network.lan_networks",
			"must be a network"}},
		{"a list for one value", "flows:\n  max: [1000]\n", []string{"flows.max: must be one value"}},
		{"a mapping for a list", "capture:\n  interfaces: {a: b}\n", []string{"must be a list of values"}},
		{"no value", "flows:\n  max:\n", []string{"flows.max: must be one value"}},
		{"twice", "flows:\n  max: 1000\n  max: 1000\n", []string{`f.yaml:3: "max" is already set in line 2`}},
		{"a group twice", "flows:\n  max: 1000\nflows:\n  max: 1000\n",
			[]string{`f.yaml:3: "flows" is already set in line 1`}},
		{"no mapping", "- a\n", []string{"f.yaml:1: the file: must have settings below it"}},
		{"a group with a value", "flows: 3\n", []string{"flows: must have settings below it"}},
		{"an alias", "flows: &a\n  max: 1000\ncapture: *a\n", []string{"capture: must have settings below it"}},
		{"two documents", "flows:\n  max: 1000\n---\nflows:\n  max: 1000\n", []string{"more than one document"}},
		{"no YAML", "flows:\n  max: [\n", []string{"f.yaml:", "not YAML"}},
		{"a tabulator", "flows:\n\tmax: 1000\n", []string{"f.yaml:2: not YAML"}},
		{"several", "flows:\n  max: 0\n  packets_tcp: 0\nx: 1\n", []string{"f.yaml:2: ", "f.yaml:3: ", "f.yaml:4: "}},
		{"escapes", "\"a\\e[31m\": 1 # \x1b[31m\n", nil},
		{"too large", strings.Repeat("# a comment\n", maxFile/10), []string{"larger than 1 MiB"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseFile("f.yaml", []byte(c.text))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error()+"\n", want) {
					t.Errorf("no %q in\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "\x1b") {
				t.Errorf("an escape: %q", err)
			}
		})
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	t.Setenv("WEIR_FLOWS_MAX", "many")
	if err := NewLoader("run").Load(); err == nil || err.Error() != `WEIR_FLOWS_MAX: "many": must be a number` {
		t.Error(err)
	}
	t.Setenv(EnvFile, "/no/such.yaml")
	if err := NewLoader("run").Load(); err == nil || !strings.Contains(err.Error(), "/no/such.yaml") {
		t.Error(err)
	}
}

func TestSuggestions(t *testing.T) {
	for a, words := range map[string]map[string]int{"max": {"max": 0, "mx": 1, "maxi": 1, "mxa": 1, "min": 2, "": 3}} {
		for b, want := range words {
			if got := EditDistance(a, b); got != want {
				t.Errorf("%q, %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

// FuzzFile: a file is refused or understood; an understood file survives writing and reading.
func FuzzFile(f *testing.F) {
	golden, err := os.ReadFile("testdata/default.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	for _, seed := range []string{
		"", "#", "flows: {max: 1000}", "capture:\n  interfaces: [a, 'b', \"c\\n\"]\n  hook: |\n    x\n", "flows: *a",
		"a: &a [*a]",
		"flows:\n  max: 0x400", "? a\n: b", "---\n---\n", "!!binary x", "<<: {}", "[[[[",
		"network: {lan_networks: [::/0]}", "\xff\xfe",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		values, err := parseFile("f.yaml", source)
		if (err == nil) != (values != nil) {
			t.Fatalf("values %v, error %v", values, err)
		}
		if err != nil {
			return
		}
		set := func(values map[string]value) *Config {
			c := Default()
			for _, s := range Settings() {
				if v, ok := values[s.Key]; ok {
					if err := s.set(c, v.texts); err != nil {
						t.Fatalf("%s: %v", s.Key, err)
					}
				}
			}
			return c
		}
		text := written(t, set(values))
		again, err := parseFile("f.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if second := written(t, set(again)); second != text {
			t.Fatalf("read again\n%s\nis\n%s", text, second)
		}
	})
}

// TestFlagsOfCommands: run, top and replay share one set of flags.
func TestFlagsOfCommands(t *testing.T) {
	names := func(command string) (all []string) {
		f := pflag.NewFlagSet(command, pflag.ContinueOnError)
		NewLoader(command).AddFlags(f)
		f.VisitAll(func(x *pflag.Flag) { all = append(all, x.Name) })
		return all
	}
	run, replay := names("run"), names("replay")
	for _, shared := range []string{"config", "workers", "max-flows", "max-packets-tcp", "max-packets-other",
		"keep-tunnels", "lan-network", "catalog"} {
		if !slices.Contains(run, shared) || !slices.Contains(replay, shared) {
			t.Errorf("--%s is not shared", shared)
		}
	}
	for _, name := range names("top") {
		if !slices.Contains(run, name) {
			t.Errorf("top has --%s, run has not", name)
		}
	}
}

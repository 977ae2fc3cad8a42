// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const capture = "../../testdata/http1-nginx.pcap"

// weir runs the program and returns its exit status and output.
func weir(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplayOutputs(t *testing.T) {
	for _, c := range []struct {
		output string
		check  func(t *testing.T, out string)
	}{
		{"ndjson", func(t *testing.T, out string) {
			for line := range strings.Lines(out) {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
		}},
		{"csv", func(t *testing.T, out string) {
			rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
			if err != nil || len(rows) < 2 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
		}},
		{"table", func(t *testing.T, out string) {
			for _, want := range []string{"www.example.com", "application", "protocol", "frames"} {
				if !strings.Contains(out, want) {
					t.Errorf("the table lacks %q:\n%s", want, out)
				}
			}
		}},
		{"none", func(t *testing.T, out string) {
			if strings.Contains(out, "www.example.com") || !strings.Contains(out, "frames") {
				t.Errorf("got:\n%s", out)
			}
		}},
	} {
		t.Run(c.output, func(t *testing.T) {
			status, out, stderr := weir("replay", "--output", c.output, capture)
			if status != 0 || stderr != "" {
				t.Fatalf("status %d: %s", status, stderr)
			}
			if c.output != "none" && !strings.Contains(out, "http") {
				t.Errorf("no HTTP flow in:\n%s", out)
			}
			c.check(t, out)
		})
	}
}

func TestReplayIsTheSameEveryRun(t *testing.T) {
	_, want, _ := weir("replay", "-o", "ndjson", capture)
	for _, workers := range []string{"1", "2", "4"} {
		if _, got, _ := weir("replay", "-o", "ndjson", "--workers", workers, capture); got != want {
			t.Errorf("the output of %s workers differs", workers)
		}
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(mustRead(t, capture)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	if _, got, _ := weir("replay", "-o", "ndjson", file(t, "c.pcap.gz", packed.Bytes())); got != want {
		t.Error("the compressed file gives another output")
	}
}

func TestReplayBadInput(t *testing.T) {
	whole := mustRead(t, capture)
	cut := file(t, "cut.pcap", whole[:len(whole)-10])
	header := file(t, "header.pcap", append(append([]byte(nil), whole...), 1, 2, 3))
	corrupt := append([]byte(nil), whole...)
	copy(corrupt[24+8:], []byte{0xff, 0xff, 0xff, 0x7f}) // the first record's captured length
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   []string // on standard error
		flows  bool
	}{
		{"truncated packet", []string{cut}, 1, []string{cut, "offset"}, true},
		{"ends between two packets", []string{header}, 0, []string{"warning", header, "offset"}, true},
		{"corrupt record", []string{file(t, "corrupt.pcap", corrupt)}, 1, []string{"corrupt.pcap", "offset 24"}, false},
		{"good file after a truncated one", []string{cut, capture}, 1, []string{cut}, true},
		{"truncated in the file header", []string{file(t, "short.pcap", whole[:10])}, 1, []string{"short.pcap"}, false},
		{"missing file", []string{"/no/such/file.pcap"}, 2, []string{"/no/such/file.pcap", "no such file"}, false},
		{"empty file", []string{file(t, "empty.pcap", nil)}, 2, []string{"empty"}, false},
		{"no capture", []string{file(t, "text.pcap", []byte("this is no capture file, only text"))}, 2,
			[]string{"not a capture file"}, false},
		{"a directory", []string{t.TempDir()}, 2, []string{"directory"}, false},
		{"unknown output", []string{"-o", "xml", capture}, 2, []string{"--output", "ndjson"}, false},
		{"no packets wanted", []string{"--max-packets-tcp", "0", capture}, 2, []string{"--max-packets-tcp"}, false},
		{"too many workers", []string{"--workers", "257", capture}, 2, []string{"--workers 257", "256"}, false},
		{"fewer than no workers", []string{"--workers", "-1", capture}, 2, []string{"--workers -1"}, false},
		{"no file named", nil, 2, []string{"needs an argument: a capture file"}, false},
		{"unknown flag", []string{"--colour", capture}, 2, []string{"--colour"}, false},
		{"updates backwards in time", []string{"--update-every", "-1s", capture}, 2, []string{"--update-every -1s",
			"must be"}, false},
		{"missing catalog", []string{"--catalog", "/no/such.yaml", capture}, 2, []string{"/no/such.yaml"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"replay"}, c.args...)
			if c.name != "unknown output" {
				args = append(args, "--output=ndjson")
			}
			status, out, stderr := weir(args...)
			if status != c.status {
				t.Errorf("exit status %d, want %d (%s)", status, c.status, stderr)
			}
			for _, s := range c.says {
				if !strings.Contains(stderr, s) {
					t.Errorf("standard error lacks %q: %s", s, stderr)
				}
			}
			if n := strings.Count(stderr, "\n"); n != 1 {
				t.Errorf("%d lines on standard error, want one: %s", n, stderr)
			}
			if strings.Contains(stderr, "goroutine") {
				t.Errorf("a stack trace: %s", stderr)
			}
			if (out != "") != c.flows {
				t.Errorf("flows on standard output: %v, want %v", out != "", c.flows)
			}
		})
	}
}

// full is a writer on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestReplayUnwritableOutput(t *testing.T) {
	for _, output := range []string{"ndjson", "csv", "table", "none"} {
		var stderr bytes.Buffer
		if status := run([]string{"replay", "-o", output, capture}, full{}, &stderr); status != 2 {
			t.Errorf("%s: exit status %d, want 2", output, status)
		}
		if !strings.Contains(stderr.String(), "no space left") || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: standard error: %q", output, stderr.String())
		}
	}
}

func TestReplayUserCatalog(t *testing.T) {
	user := file(t, "mine.yaml", []byte("applications:\n  - id: my-shop\n    name: My Shop\n    category: shopping\n"+
		"    domains: [www.example.com]\n"))
	_, out, stderr := weir("replay", "-o", "ndjson", "--catalog", user, capture)
	if !strings.Contains(out, `"application":"my-shop","category":"shopping"`) {
		t.Errorf("the user's application is not used: %s%s", out, stderr)
	}
}

func TestCatalogCommands(t *testing.T) {
	broken := file(t, "broken.yaml", []byte("applications:\n  - id: UPPER\n    category: nonsense\n"))
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"list", []string{"list"}, 0, "netflix"},
		{"search", []string{"search", "nflxvideo"}, 0, "netflix"},
		{"search in vain", []string{"search", "zzzzzz"}, 2, "no application"},
		{"show an id", []string{"show", "netflix"}, 0, "nflxvideo.net"},
		{"show a host", []string{"show", "www.netflix.com"}, 0, "matched: netflix.com\nid: netflix"},
		{"show an address", []string{"show", "149.154.167.50"}, 0, "/20\nid: telegram"},
		{"show nothing known", []string{"show", "host.invalid"}, 2, "host.invalid"},
		{"check a broken file", []string{"check", broken}, 1, broken},
		{"risks", []string{"risks"}, 0, "cleartext-credentials  "},
		{"risks as JSON", []string{"risks", "--output", "json"}, 0, `"severity": "high"`},
		{"risks in an unknown format", []string{"risks", "--output", "yaml"}, 2, "table or json"},
		{"check a missing file", []string{"check", "/no/such.yaml"}, 2, "/no/such.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, stderr := weir(append([]string{"catalog"}, c.args...)...)
			if status != c.status || !strings.Contains(out+stderr, c.says) {
				t.Errorf("status %d, want %d; %q wanted in: %s%s", status, c.status, c.says, out, stderr)
			}
		})
	}
}

func TestVersionHelpCompletion(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"version"}, "filter expressions"},
		{[]string{"--help"}, "replay"},
		{[]string{"replay", "--help"}, "Examples:"},
		{[]string{"replay", "--help"}, "2 when nothing could be done, or the output cannot be written"},
		{[]string{"completion", "bash"}, "weir"},
		{[]string{"__complete", "replay", "--output", ""}, "ndjson"},
	} {
		if status, out, stderr := weir(c.args...); status != 0 || !strings.Contains(out, c.says) {
			t.Errorf("weir %v: status %d, %q wanted in: %.300s%s", c.args, status, c.says, out, stderr)
		}
	}
}

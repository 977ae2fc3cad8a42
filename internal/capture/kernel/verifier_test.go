// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
)

var update = flag.Bool("update", false, "record the verifier's statistics anew")

const verifierFile = "../../../gen/bpf/verifier.txt"

// statistics are the verifier's figures for one program: processed instructions, instructions of the final program,
// bytes of stack of all its functions together, and peak states.
type statistics struct{ verified, translated, stack, states int }

var statisticNames = [...]string{"verified", "translated", "stack", "states"}

func (s statistics) values() [4]int { return [...]int{s.verified, s.translated, s.stack, s.states} }

// TestVerifier compares the verifier's statistics with the recorded ones: growth of more than 5 % fails, so that nobody
// approaches the limits unnoticed. Other kernels count differently; there the test only reports.
func TestVerifier(t *testing.T) {
	needRoot(t)
	got := verify(t)
	kernel := kernelVersion(t)
	if *update {
		if err := os.WriteFile(verifierFile, format(kernel, got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(verifierFile)
	if err != nil {
		t.Fatal(err)
	}
	recorded, want, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if recorded != kernel {
		t.Logf("the record is of Linux %s, this is %s:\n%s", recorded, kernel, format(kernel, got))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		old, ok := want[name]
		if !ok {
			t.Errorf("%s is not in %s: record it with -update", name, verifierFile)
			continue
		}
		delete(want, name)
		for i, now := range got[name].values() {
			switch was := old.values()[i]; {
			case now*100 > was*105:
				t.Errorf("%s: %s %d, recorded %d: if that is necessary, record it with -update", name,
					statisticNames[i], now, was)
			case now*105 < was*100:
				t.Logf("%s: %s %d, recorded %d: better; record it with -update", name, statisticNames[i], now, was)
			}
		}
	}
	for name := range want {
		t.Errorf("%s is recorded, and no program", name)
	}
}

// Newer kernels (7.3, for one) report the stack of each function on its own line; their "stack depth" is that of the
// deepest chain of calls.
var (
	functionLine  = regexp.MustCompile(`(?m)^subprog [0-9]+ .* stack ([0-9]+)$`)
	stackLine     = regexp.MustCompile(`(?m)^stack depth ([0-9+]+)`)
	processedLine = regexp.MustCompile(`(?m)^processed ([0-9]+) insns .* peak_states ([0-9]+)`)
)

// verify loads the programs as the loader does by default.
func verify(t *testing.T) map[string]statistics {
	t.Helper()
	l := &Loader{}
	l.config.setDefaults()
	l.config.Workers, l.config.CPUs = 2, 2
	spec, err := bpf.LoadWeir()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.size(spec); err != nil {
		t.Fatal(err)
	}
	if !haveXDPLoadBytes() { // the loader leaves it out, too
		delete(spec.Programs, bpf.WeirProgWeirXdp)
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := map[string]statistics{}
	for name, p := range c.Programs {
		processed, stack := processedLine.FindStringSubmatch(p.VerifierLog), stackOf(p.VerifierLog)
		if processed == nil || stack < 0 {
			t.Fatalf("%s: the verifier said %q", name, p.VerifierLog)
		}
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		size, err := info.TranslatedSize()
		if err != nil {
			t.Fatal(err)
		}
		s := statistics{translated: size / 8, stack: stack}
		s.verified, _ = strconv.Atoi(processed[1])
		s.states, _ = strconv.Atoi(processed[2])
		all[name] = s
	}
	return all
}

// TestAligned: the programs read each number at an address that machines without unaligned loads accept.
func TestAligned(t *testing.T) {
	needRoot(t)
	spec, err := bpf.LoadWeir()
	if err != nil {
		t.Fatal(err)
	}
	if !haveXDPLoadBytes() {
		delete(spec.Programs, bpf.WeirProgWeirXdp)
	}
	for _, p := range spec.Programs {
		p.Flags |= unix.BPF_F_STRICT_ALIGNMENT
	}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	c.Close()
}

// stackOf adds up the stacks of a program's functions; -1 if the log lacks them.
func stackOf(log string) int {
	var depths []string
	for _, m := range functionLine.FindAllStringSubmatch(log, -1) {
		depths = append(depths, m[1])
	}
	if m := stackLine.FindStringSubmatch(log); m != nil && depths == nil {
		depths = strings.Split(m[1], "+")
	}
	if depths == nil {
		return -1
	}
	sum := 0
	for _, depth := range depths {
		n, _ := strconv.Atoi(depth)
		sum += n
	}
	return sum
}

// TestVerifierStack reads both kinds of log.
func TestVerifierStack(t *testing.T) {
	for log, want := range map[string]int{
		"verification time 9 usec\nstack depth 160+40+88\nprocessed 9 insns": 288,
		"stack depth max 256\nsubprog 0 (weir_egress_raw) main insns_self 3532 insns_total 3532 stack 160\n" +
			"subprog 1 (skb_walk_link) global insns_self 6284 insns_total 6284 stack 40\nprocessed 9 insns": 200,
		"stack depth max 256\nprocessed 9 insns": -1,
		"processed 9 insns":                      -1,
	} {
		if got := stackOf(log); got != want {
			t.Errorf("%d instead of %d: %q", got, want, log)
		}
	}
}

func kernelVersion(t *testing.T) string {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
	return parts[0] + "." + parts[1]
}

func format(kernel string, all map[string]statistics) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The verifier's statistics, by go test ./internal/capture/kernel -run TestVerifier -update.\n"+
		"kernel %s\n", kernel)
	fmt.Fprintf(&b, "%-18s %9s %10s %6s %6s\n", "program", "verified", "translated", "stack", "states")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name].values()
		fmt.Fprintf(&b, "%-18s %9d %10d %6d %6d\n", name, v[0], v[1], v[2], v[3])
	}
	return b.Bytes()
}

func parse(b []byte) (kernel string, all map[string]statistics, err error) {
	all = map[string]statistics{}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "kernel":
			kernel = words[1]
		case len(words) == 5 && words[0] != "program":
			var v [4]int
			for i := range v {
				if v[i], err = strconv.Atoi(words[i+1]); err != nil {
					return "", nil, fmt.Errorf("%s: %w", verifierFile, err)
				}
			}
			all[words[0]] = statistics{v[0], v[1], v[2], v[3]}
		}
	}
	return kernel, all, nil
}

// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
)

// launcherEnv makes the test's own program set a filter that refuses bpf(2), and then execute its arguments.
const launcherEnv = "WEIR_SOAK_REFUSE"

func launchRefused() {
	runtime.LockOSThread()
	errno := unix.EPERM
	if os.Getenv(launcherEnv) == "ENOSYS" {
		errno = unix.ENOSYS
	}
	filter := []unix.SockFilter{ // struct seccomp_data begins with the number of the system call
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: unix.SYS_BPF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err == nil {
		os.Unsetenv(launcherEnv)
		err = unix.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "launcher:", err)
	os.Exit(99)
}

// TestFallback removes rights from weir. It works in another mode and gives the reason, or ends with one line that
// names the remedy.
func TestFallback(t *testing.T) {
	path := weir(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		lab.Lacks(t, err.Error())
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := "libpcap"
	if _, has := program.Weir(t); !has {
		other = "afpacket"
	}
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
		"--bounding-set=-all,+net_raw,+net_admin,+bpf,+perfmon"}
	rights := func(names string) []string {
		return append(append([]string{}, nobody...), "--inh-caps=-all"+names, "--ambient-caps=-all"+names)
	}
	tests := []struct {
		name    string
		launch  []string
		mode    string // requested mode
		want    string // mode that weir reports; none: it refuses
		because []string
	}{
		{"all rights", nil, "auto", "ebpf (tcx)", nil},
		{"the four capabilities, not root", rights(",+net_raw,+net_admin,+bpf,+perfmon"), "auto", "ebpf (tcx)", nil},
		{"bpf(2) refused", []string{"env", launcherEnv + "=EPERM", self}, "auto", other,
			[]string{"not used: ebpf", "CAP_BPF"}},
		{"bpf(2) missing", []string{"env", launcherEnv + "=ENOSYS", self}, "auto", other, []string{"not used: ebpf"}},
		{"bpf(2) refused, afpacket", []string{"env", launcherEnv + "=EPERM", self}, "afpacket",
			"afpacket (every packet", nil},
		{"bpf(2) refused, ebpf requested", []string{"env", launcherEnv + "=EPERM", self}, "ebpf", "",
			[]string{"CAP_BPF"}},
		{"only CAP_NET_RAW", rights(",+net_raw"), "auto", other, []string{"not used: ebpf", "CAP_BPF"}},
		{"only CAP_NET_RAW, afpacket", rights(",+net_raw"), "afpacket", "afpacket (every packet", nil},
		{"no CAP_NET_ADMIN", rights(",+net_raw,+bpf,+perfmon"), "auto", other,
			[]string{"not used: ebpf", "CAP_NET_ADMIN"}},
		{"no capability", rights(""), "auto", "", []string{"CAP_NET_RAW"}},
		{"no capability, afpacket requested", rights(""), "afpacket", "", []string{"CAP_NET_RAW"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var found string
			report(t, "C9", tt.name, &found)
			// Without eBPF, mode afpacket sees a masqueraded flow as two: the client's and the gateway's.
			l := lab.New(t, lab.Options{NoNAT: strings.Contains(tt.want, "every packet")})
			a := start(t, l.Gateway, nil, append(tt.launch, path, "run", "-i", "lan0", "-i", "wan0", "--mode", tt.mode,
				"--output", "ndjson")...)
			if tt.want == "" {
				status := a.End(10 * time.Second)
				found = fmt.Sprintf("refuses with status %d: %s", status, strings.TrimSpace(a.Said.String()))
				if status != 2 {
					t.Errorf("status %d, not 2", status)
				}
				if lines := strings.Count(a.Said.String(), "\n"); tt.mode != "auto" && lines != 1 || lines > 5 {
					t.Errorf("it said %d lines", lines)
				}
			} else {
				a.Await("watching")
				x := &traffic{t: t, lab: l, rate: 20_000}
				x.while(1, func() {})
				x.verdict()
				lab.Landed(t)
				a.stop()
				seen := packetsTo(flows(t, a.Stdout.String()), 9000)
				lost, causes := a.Lost()
				found = fmt.Sprintf("%s; saw %d of %d, lost %d %s", line(a.Said.String(), "watching"), seen, x.sent+
					x.spoilt, lost, causes)
				if seen == 0 || x.spoilt == 0 && (seen > uint64(x.sent) || seen+lost < uint64(x.sent)) {
					t.Error(found)
				}
				if !strings.Contains(a.Said.String(), "mode "+tt.want) {
					t.Errorf("not mode %s", tt.want)
				}
			}
			for _, words := range tt.because {
				if !strings.Contains(a.Said.String(), words) {
					t.Errorf("it does not say %q", words)
				}
			}
		})
	}
}

// line returns the first line that contains words.
func line(s, words string) string {
	for l := range strings.Lines(s) {
		if strings.Contains(l, words) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

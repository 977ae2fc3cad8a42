// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// captures lists the recordings to replay.
var captures = []string{"http1-nginx", "dns-dnsmasq-dig", "ssh-openssh", "tls13-nginx"}

func capturePath(name string) string { return "testdata/" + name + ".pcap" }

// TestCheck: weir check reports that weir can run, and in which mode.
func TestCheck(t *testing.T) {
	inGuest(t)
	out, err := exec.Command(os.Getenv("WEIR"), "check", "--json").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var said struct {
		CanRun bool   `json:"can_run"`
		Mode   string `json:"mode"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	if !said.CanRun || said.Mode != "ebpf" {
		t.Fatalf("can_run %v, mode %q: %s", said.CanRun, said.Mode, out)
	}
}

// rights lists what to remove, the requested mode, and the mode that weir has to take; none where it has to refuse.
var rights = []struct {
	name, limit, ask, mode string
	// the mode before Linux 6.6, if different: clsact needs CAP_NET_ADMIN, tcx does not
	before66 string
}{
	{"ebpf requested", "", "ebpf", "ebpf", ""},
	{"afpacket requested", "", "afpacket", "afpacket", ""},
	{"all rights", "", "auto", "ebpf", ""},
	{"bpf() denied", "nobpf", "auto", "afpacket", ""},
	{"no CAP_BPF, no CAP_SYS_ADMIN", "-39,-21", "auto", "afpacket", ""},
	{"no CAP_NET_ADMIN", "-12", "auto", "ebpf", "afpacket"},
	{"only CAP_NET_RAW", "-39,-21,-12", "auto", "afpacket", ""},
	{"ebpf requested, bpf() denied", "nobpf", "ebpf", "", ""},
	{"no CAP_NET_RAW, bpf() denied", "nobpf,-13", "auto", "", ""},
}

// TestRights: with fewer rights weir takes the next mode and sees the same flows, or refuses with a reason.
func TestRights(t *testing.T) {
	inGuest(t)
	for _, row := range rights {
		t.Run(row.name, func(t *testing.T) {
			unlessShort(t, row.limit != "" || row.ask == "auto") // other tests request modes
			from, to := quietPair(t)
			if row.before66 != "" && kernelBefore(6, 6) {
				row.mode = row.before66
			}
			if row.mode == "" {
				refuses(t, to, row.limit, row.ask)
				return
			}
			w := watch(t, to, row.limit, "-i", "eth0", "--mode", row.ask)
			w.runsIn(row.mode)
			var want []flow
			for _, name := range captures {
				replay(t, from, "eth0", name)
				want = append(want, replayed(t, capturePath(name))...)
			}
			same(t, w.flows(), want, true)
		})
	}
}

// refuses requires weir to end with status 2 and a reason.
func refuses(t *testing.T, h *lab.Host, limit, mode string) {
	t.Helper()
	w := start(t, h, limit, "-i", "eth0", "--mode", mode)
	if _, ended := wait.Next(w.process.Done(), wait.Limit); !ended {
		t.Fatal("still there: ", w.errs.String())
	}
	_ = w.process.Wait()
	said := strings.TrimSpace(w.errs.String())
	if status := w.process.ProcessState.ExitCode(); status != 2 {
		t.Errorf("status %d instead of 2: %s", status, said)
	}
	// A requested mode has one reason; auto gives one for each mode.
	if !strings.HasPrefix(said, "weir: ") || strings.Contains(said, "panic") || mode != "auto" &&
		strings.Contains(said, "\n") {
		t.Errorf("not one clear line: %s", said)
	}
	t.Log(said)
}

// TestWithoutClassifier: without traffic control programs in the kernel (before tcx), eBPF does not work, and auto
// continues.
func TestWithoutClassifier(t *testing.T) {
	inGuest(t)
	if os.Getenv("WEIR_GUEST") == "host" {
		t.Skip("it unloads modules")
	}
	from, to := quietPair(t)
	for _, module := range []string{"act_bpf", "cls_bpf", "sch_ingress"} {
		if err := unix.DeleteModule(module, unix.O_NONBLOCK); err != nil {
			t.Fatalf("unload %s: %v", module, err)
		}
		t.Cleanup(func() { load(t, module) })
	}
	w := watch(t, to, "", "-i", "eth0", "--mode", "auto")
	replay(t, from, "eth0", captures[0])
	want := "ebpf"
	if kernelBefore(6, 6) {
		want = "afpacket"
	}
	w.runsIn(want)
	same(t, w.flows(), replayed(t, capturePath(captures[0])), true)
}

// quietPair returns a pair of hosts that send nothing by themselves: no IPv6, and no address to answer for.
func quietPair(t *testing.T) (from, to *lab.Host) {
	t.Helper()
	from, to = lab.NewPair(t)
	for _, h := range []*lab.Host{from, to} {
		err := h.Do(func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0) })
		if err != nil {
			t.Fatal(err)
		}
		run(t, h, "ip address flush dev eth0")
		run(t, h, "ip link set dev eth0 arp off")
	}
	return from, to
}

// replay sends a capture's frames from a link, unchanged. Frames above the link's MTU would be missing: the test
// requires none.
func replay(t *testing.T, h *lab.Host, link, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	sent, err := h.ReplayCapture(ctx, link, capturePath(name), lab.Sending{Rate: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if sent.Frames == 0 || sent.TooLong != 0 || sent.OtherLink != 0 {
		t.Fatalf("replay of %s: %+v", name, sent)
	}
}

func load(t *testing.T, module string) {
	f, err := os.Open("/modules/" + module + ".ko")
	if err == nil {
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
	}
	if err != nil {
		t.Errorf("load %s: %v", module, err)
	}
}

func kernelBefore(major, minor int) bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		panic(err)
	}
	var a, b int
	for i, part := range strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3) {
		n := 0
		for _, c := range part {
			if c < '0' || c > '9' {
				break
			}
			n = 10*n + int(c-'0')
		}
		switch i {
		case 0:
			a = n
		case 1:
			b = n
		}
	}
	return a < major || a == major && b < minor
}

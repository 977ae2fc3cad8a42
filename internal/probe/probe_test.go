// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/topology"
)

// The test program runs itself with fewer rights: then it is weir check.
const (
	childEnv   = "WEIR_PROBE_CHILD"
	childPlain = "plain"
	childNoBPF = "no bpf" // with a seccomp filter that refuses bpf(2)
)

func TestMain(m *testing.M) {
	kind := os.Getenv(childEnv)
	if kind == "" {
		os.Exit(m.Run())
	}
	if err := child(kind); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(kind string) error {
	if kind == childNoBPF {
		if err := refuseBPF(); err != nil {
			return err
		}
	}
	before, err := os.Readlink("/proc/self/ns/net") // the first thread's
	if err != nil {
		return err
	}
	r, err := Run(Options{Program: "/usr/bin/weir"})
	if err != nil {
		return err
	}
	if after, err := os.Readlink("/proc/self/ns/net"); err != nil || after != before {
		return fmt.Errorf("the first thread was in %s and is in %s: %w", before, after, err)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// refuseBPF makes bpf(2) fail with EPERM, as container runtimes do.
func refuseBPF() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_BPF, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return errno
	}
	return nil
}

func needRoot(t *testing.T) {
	t.Helper()
	if r := readRights(); len(r.Missing) > 0 || r.UserNamespace {
		lab.Lacks(t, "needs root outside a user namespace")
	}
}

func mustRun(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, r)
	return r
}

// runChild runs the test program with only the named capabilities, as root with a small bounding set.
func runChild(t *testing.T, kind string, attributes *syscall.SysProcAttr, capabilities ...string) *Report {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	if capabilities != nil {
		if _, err := exec.LookPath("setpriv"); err != nil {
			lab.Lacks(t, "setpriv (util-linux) is not installed")
		}
		set := "-all"
		for _, name := range capabilities {
			set += ",+" + name
		}
		c = exec.Command("setpriv", "--bounding-set", set, "--inh-caps", "-all", self)
	}
	c.Env = append(os.Environ(), childEnv+"="+kind)
	c.SysProcAttr = attributes
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	var r Report
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		t.Fatal(err)
	}
	complete(t, &r)
	return &r
}

// complete checks that every failure has a reason and a remedy.
func complete(t *testing.T, r *Report) {
	t.Helper()
	for _, f := range r.Features {
		if !f.OK && (f.Why == "" || f.Fix == "") || f.OK && f.Why != "" || len(f.NeededBy) == 0 {
			t.Errorf("feature %+v", f)
		}
	}
	for _, m := range r.Modes {
		if !m.OK && (m.Why == "" || m.Fix == "") || m.OK && m.Why != "" {
			t.Errorf("mode %+v", m)
		}
	}
	for _, i := range r.Interfaces {
		if i.Why == "" || i.Name == "" || i.Index == 0 {
			t.Errorf("interface %+v", i)
		}
	}
	if r.Why == "" || !r.CanRun && r.Fix == "" || r.Kernel == "" || r.Machine == "" || len(r.Modes) != 3 {
		t.Errorf("report %+v", r)
	}
}

// TestRoot: root can do everything on this machine.
func TestRoot(t *testing.T) {
	needRoot(t)
	r := mustRun(t, Options{})
	if !r.CanRun || r.Mode != EBPF || !r.HasMode(AFPacket).OK {
		t.Errorf("can run %v, mode %q: %s", r.CanRun, r.Mode, r.Why)
	}
	for _, f := range r.Features {
		if !f.OK && f.Name != "libpcap" && f.Name != "conntrack accounting" { // off by default
			t.Errorf("%s: %s", f.Name, f.Why)
		}
	}
	for name, detail := range map[string]string{"traffic control hook": "tcx", "clsact": ""} {
		if f, ok := r.Feature(name); !ok || f.Detail != detail {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if l, _ := r.Feature("libpcap"); l.OK != r.HasMode(Libpcap).OK {
		t.Errorf("libpcap: %+v, %+v", l, r.HasMode(Libpcap))
	}
	if r.Rights.Landlock == 0 || !r.Rights.SeccompFilter || r.Rights.User != 0 ||
		!slices.Contains(r.Rights.Capabilities, "CAP_BPF") {
		t.Errorf("rights: %+v", r.Rights)
	}
}

func TestNoCapability(t *testing.T) {
	needRoot(t)
	r := runChild(t, childPlain, nil, []string{}...)
	if r.CanRun || r.Mode != "" {
		t.Errorf("can run, in mode %q", r.Mode)
	}
	for _, c := range []struct{ mode, lacks string }{{EBPF, "CAP_BPF and CAP_NET_ADMIN are missing"},
		{AFPacket, "CAP_NET_RAW is missing"}} {
		m := r.HasMode(c.mode)
		if m.OK || !strings.Contains(m.Why, c.lacks) {
			t.Errorf("%+v, want %s", m, c.lacks)
		}
		if !strings.Contains(m.Fix, "setcap cap_bpf,cap_net_admin,cap_net_raw,cap_perfmon+ep /usr/bin/weir") {
			t.Errorf("fix: %s", m.Fix)
		}
	}
	if want := []string{"CAP_BPF", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_PERFMON"}; !slices.Equal(r.Rights.Missing,
		want) {
		t.Errorf("missing: %v", r.Rights.Missing)
	}
}

func TestSomeCapabilities(t *testing.T) {
	needRoot(t)
	t.Run("only CAP_NET_RAW", func(t *testing.T) {
		r := runChild(t, childPlain, nil, "net_raw")
		if !r.CanRun || r.Mode == EBPF || !r.HasMode(AFPacket).OK || r.HasMode(EBPF).OK {
			t.Errorf("%v, mode %q", r.CanRun, r.Mode)
		}
		if !strings.Contains(r.Why, "CAP_BPF") || r.Fix == "" {
			t.Errorf("why no better mode: %s, %s", r.Why, r.Fix)
		}
	})
	t.Run("only CAP_BPF", func(t *testing.T) {
		m := runChild(t, childPlain, nil, "bpf").HasMode(EBPF)
		if m.OK || !strings.Contains(m.Why, "CAP_NET_ADMIN is missing") {
			t.Errorf("%+v", m)
		}
	})
	t.Run("the four", func(t *testing.T) {
		r := runChild(t, childPlain, nil, "bpf", "net_admin", "net_raw", "perfmon")
		if !r.CanRun || r.Mode != EBPF || len(r.Rights.Missing) > 0 || len(r.Rights.Capabilities) != 4 {
			t.Errorf("%v, mode %q: %s; %+v", r.CanRun, r.Mode, r.Why, r.Rights)
		}
		if f, _ := r.Feature("clsact"); !f.OK || !strings.Contains(f.Detail, "CAP_SYS_ADMIN") {
			t.Errorf("clsact, where no namespace can be made: %+v", f)
		}
	})
}

// TestFirstThread: if one thread ran all goroutines, the trial of clsact would change the first thread's namespace for
// good. The child checks that.
func TestFirstThread(t *testing.T) {
	needRoot(t)
	t.Setenv("GOMAXPROCS", "1")
	for range 5 {
		runChild(t, childPlain, nil)
	}
}

func TestHook(t *testing.T) {
	yes := func(name string) Feature { return Feature{Name: name, OK: true} }
	no := func(name string) Feature { return Feature{Name: name, Why: "no " + name, Fix: "get " + name} }
	for _, c := range []struct {
		tcx, clsact Feature
		ok          bool
		says        string
	}{
		{yes("tcx"), yes("clsact"), true, "tcx"},
		{no("tcx"), yes("clsact"), true, "clsact"},
		{yes("tcx"), no("clsact"), true, "tcx"},
		{no("tcx"), no("clsact"), false, "tcx: no tcx; clsact: no clsact"},
	} {
		if h := hook(c.tcx, c.clsact); h.OK != c.ok || h.Detail+h.Why != c.says || h.Optional || !h.OK && h.Fix == "" {
			t.Errorf("%+v", h)
		}
	}
}

func TestUserNamespace(t *testing.T) {
	needRoot(t)
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	r := runChild(t, childPlain, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: one, GidMappings: one})
	m := r.HasMode(EBPF)
	if m.OK || !strings.Contains(m.Why, "user namespace") || !strings.Contains(m.Fix, "outside the user namespace") {
		t.Errorf("ebpf: %+v", m)
	}
	if !r.Rights.UserNamespace || !r.HasMode(AFPacket).OK {
		t.Errorf("%+v; afpacket %+v", r.Rights, r.HasMode(AFPacket))
	}
	if r.CanRun || !strings.Contains(r.Why, "no interface to watch") {
		t.Errorf("a namespace that has only a loopback: %v, %s", r.CanRun, r.Why)
	}
}

// TestSeccomp: a container with the capability but without the system call.
func TestSeccomp(t *testing.T) {
	needRoot(t)
	r := runChild(t, childNoBPF, nil)
	m := r.HasMode(EBPF)
	if m.OK || !strings.Contains(m.Why, "seccomp") || !strings.Contains(m.Fix, "seccomp profile") || r.Mode == "" {
		t.Errorf("%+v, mode %q", m, r.Mode)
	}
	if !r.Rights.Seccomp || !r.Rights.NoNewPrivs {
		t.Errorf("%+v", r.Rights)
	}
}

// TestInterfaces: the report names what is missing, and the driver's offloads.
func TestInterfaces(t *testing.T) {
	needRoot(t)
	s, err := topology.NewSelection("lo", "no-such0")
	if err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, Options{Selection: s}); r.CanRun || !strings.Contains(r.Why, "no-such0") ||
		!strings.Contains(r.Fix, "lo") {
		t.Errorf("%v: %s; %s", r.CanRun, r.Why, r.Fix)
	}
	inNamespace(t)
	pattern, err := topology.NewSelection("l?")
	if err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, Options{Selection: pattern})
	lo := r.Interfaces[0]
	if len(r.Interfaces) != 1 || !r.CanRun || !lo.Chosen || lo.Up || lo.MTU != 65536 ||
		!slices.Contains(lo.Offloads, "gso") {
		t.Errorf("%v: %s; %+v", r.CanRun, r.Why, r.Interfaces)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const setGSO = 0x24 // ETHTOOL_SGSO; the value that ethtool sends is 0
	if _, err := ethtool(fd, "lo", setGSO); err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, Options{Selection: pattern}); slices.Contains(r.Interfaces[0].Offloads, "gso") {
		t.Errorf("gso was turned off: %v", r.Interfaces[0].Offloads)
	}
}

// inNamespace moves the test's thread to a network namespace of its own.
func inNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lab.Lacks(t, err.Error())
	}
}

func TestExtra(t *testing.T) {
	needRoot(t)
	extra := Feature{Name: "weir's programs", NeededBy: []string{EBPF}, Why: "the verifier says no", Fix: "report it"}
	r := mustRun(t, Options{Extra: []func() Feature{func() Feature { return extra }}})
	if m := r.HasMode(EBPF); m.OK || m.Why != "weir's programs: the verifier says no" || m.Fix != "report it" {
		t.Errorf("%+v", m)
	}
	if !r.CanRun || r.Mode == EBPF || r.Mode == "" {
		t.Errorf("mode %q", r.Mode)
	}
	extra = Feature{Name: "weir's programs", NeededBy: []string{EBPF}, OK: true}
	if r := mustRun(t, Options{Extra: []func() Feature{func() Feature { return extra }}}); r.Mode != EBPF {
		t.Errorf("mode %q", r.Mode)
	}
}

func TestJudge(t *testing.T) {
	need := func(name string, ok bool, modes ...string) Feature {
		return Feature{Name: name, OK: ok, NeededBy: modes, Why: "broken", Fix: "mend it"}
	}
	optional := need("o", false, EBPF, Libpcap, AFPacket)
	optional.Optional = true
	for _, c := range []struct {
		features []Feature
		mode     string
	}{
		{[]Feature{need("a", true, EBPF), optional}, EBPF},
		{[]Feature{need("a", false, EBPF), need("l", true, Libpcap)}, Libpcap},
		{[]Feature{need("a", false, EBPF), need("l", false, Libpcap)}, AFPacket},
		{[]Feature{need("a", false, EBPF), need("s", false, Libpcap, AFPacket)}, ""},
	} {
		r := Report{Features: c.features, Interfaces: []Interface{{Name: "eth0", Chosen: true}}}
		r.judge(topology.Selection{}, topology.Links{})
		if r.Mode != c.mode || r.CanRun != (c.mode != "") {
			t.Errorf("%+v: mode %q, can run %v", c.features, r.Mode, r.CanRun)
		}
	}
}

func TestExplain(t *testing.T) {
	few := Rights{last: 40, Capabilities: []string{"CAP_NET_ADMIN"}}
	root := Rights{last: 40, Capabilities: []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN"}}
	locked := root
	locked.Lockdown = "confidentiality"
	old := Rights{last: 37, Capabilities: []string{"CAP_NET_ADMIN"}} // before CAP_PERFMON and CAP_BPF
	for _, c := range []struct {
		rights   Rights
		err      error
		why, fix string
	}{
		{few, unix.EPERM, "CAP_BPF is missing", "cap_bpf,"},
		{few, fmt.Errorf("create: %w", unix.EACCES), "CAP_BPF is missing", "run as root"},
		{old, unix.EPERM, "CAP_SYS_ADMIN is missing", "cap_sys_admin"},
		{root, unix.EPERM, "seccomp filter or a security module", "seccomp profile"},
		{locked, unix.EPERM, "locked down: confidentiality", "lockdown"},
		{root, unix.ENOSYS, "this kernel lacks it", "CONFIG_OF_IT"},
		{root, fmt.Errorf("probe: %w", ebpf.ErrNotSupported), "this kernel lacks it", "CONFIG_OF_IT"},
		{root, unix.ENOMEM, "not enough memory", "memory limit"},
		{root, unix.EMFILE, "open files", "ulimit -n"},
		{root, errors.New("odd"), "odd", "report"},
	} {
		e := explainer{&c.rights, "/usr/bin/weir"}
		why, fix := e.explain(c.err, what{needs: []string{"CAP_BPF", "CAP_NET_ADMIN"}, kernel: "CONFIG_OF_IT"})
		if !strings.Contains(why, c.why) || !strings.Contains(fix, c.fix) {
			t.Errorf("%v: %q, %q; want %q, %q", c.err, why, fix, c.why, c.fix)
		}
	}
}

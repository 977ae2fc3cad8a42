// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// The test binary is its own confined child, and its own unprivileged parent: its first argument is the role.
func TestMain(m *testing.M) {
	Init()
	if len(os.Args) > 1 {
		switch role := os.Args[1]; {
		case Inside():
			os.Exit(childMain(role, os.Args[2:]))
		case role == "act": // unconfined
			os.Exit(actMain(os.Args[2:]))
		case role == "parent":
			os.Exit(parentMain(os.Args[2:]))
		case role == "old kernel":
			os.Exit(oldKernelMain(os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

// needRoot skips a test that needs root.
func needRoot(t *testing.T) {
	t.Helper()
	if unix.Geteuid() == 0 {
		return
	}
	lab.Lacks(t, "not root")
}

// answer is a confined child's report.
type answer struct {
	Report  Report
	Line    string
	Error   string
	Results []result `json:",omitempty"`
}

// childMain is the confined process. It sends its answer, and ends at its parent's signal.
func childMain(role string, args []string) int {
	conn, err := Conn()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var a answer
	if role != "dropped" {
		if a.Report, err = Confine(); err != nil {
			a.Error = err.Error()
		}
		a.Line = a.Report.String()
	}
	switch role {
	case "acts", "dropped":
		w := &world{dir: args[0], abs: args[1], parent: unix.Getppid(), conn: rawFD(conn)}
		a.Results = tryAll(w, func(a *act) bool {
			return role == "acts" || a.name != "execve of itself" // Landlock has to allow that
		})
	case "ship acts":
		w := &world{dir: args[0] + "/world", abs: args[2], parent: unix.Getppid(), conn: rawFD(conn)}
		a.Results = tryMore(w, shipActs)
	case "export acts":
		w := &world{dir: args[0] + "/world", abs: args[1], parent: unix.Getppid(), conn: rawFD(conn)}
		a.Results = tryMore(w, exportActs)
	case "export works":
		for _, w := range exportWorks {
			r := result{Name: w.name}
			if err := w.do(args[0]); err != nil {
				r.Other = err.Error()
			}
			a.Results = append(a.Results, r)
		}
	case "ship works":
		for _, w := range shipWorks {
			r := result{Name: w.name}
			if err := w.do(args[0], args[1]); err != nil {
				r.Other = err.Error()
			}
			a.Results = append(a.Results, r)
		}
	case "work":
		a.Results = workAll(conn)
	case "terminal":
		a.Results = terminalWork()
	}
	text, err := json.Marshal(a)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	const chunk = 32 << 10
	for ; len(text) > chunk; text = text[chunk:] {
		if _, err := conn.Write(text[:chunk]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if _, err := conn.Write(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if role == "panic" {
		panic("as asked")
	}
	for role == "stay" { // whatever becomes of the parent
		<-time.Tick(time.Hour)
	}
	_, _ = conn.Read(make([]byte, 16)) // until the parent closes its end
	return 0
}

func rawFD(conn *net.UnixConn) (fd int) {
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(f uintptr) { fd = int(f) })
	}
	if err != nil {
		panic(err)
	}
	return fd
}

// parentMain starts a confined child, writes the child's PID and answer to stdout, and waits for its own end.
func parentMain(args []string) int {
	child, err := Start(Config{Args: args})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	a, err := receive(child)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child.PID()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var files []string
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", child.PID())) // only root may see them
	for _, fd := range fds {
		target, _ := os.Readlink(fd)
		files = append(files, target)
	}
	if err := json.NewEncoder(os.Stdout).Encode(parentAnswer{child.PID(), string(status), files, a}); err != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

type parentAnswer struct {
	PID    int
	Status string
	Files  []string // targets of its descriptors
	Child  answer
}

// receive reads the child's answer.
func receive(child *Child) (answer, error) {
	var a answer
	var text []byte
	buffer := make([]byte, 64<<10)
	if err := child.Conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return a, err
	}
	for {
		n, err := child.Conn.Read(buffer)
		if err != nil {
			return a, fmt.Errorf("read the child's answer: %w", err)
		}
		text = append(text, buffer[:n]...)
		if json.Valid(text) {
			return a, json.Unmarshal(text, &a)
		}
	}
}

// startChild starts a confined child in a role and ends it with the test.
func startChild(t *testing.T, args ...string) (*Child, answer) {
	t.Helper()
	child, err := Start(Config{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Conn.Close()
		if _, ended := wait.Next(child.Done(), wait.Limit); !ended {
			t.Error("the child does not end when its parent closes the connection")
			_ = child.Signal(unix.SIGKILL)
		}
	})
	a, err := receive(child)
	if err != nil {
		t.Fatal(err)
	}
	return child, a
}

var listeners int // numbers their names

// listener makes an abstract socket that acts may connect to.
func listener(t *testing.T) string {
	t.Helper()
	listeners++
	l, err := net.Listen("unix", fmt.Sprintf("@weir-sandbox-%d-%d", os.Getpid(), listeners))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// everybodysDir makes a world-writable directory.
func everybodysDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "weir-sandbox-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := prepare(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestActs is check E2: the sandbox refuses all acts of the list.
func TestActs(t *testing.T) {
	if len(acts) < 40 {
		t.Fatalf("%d acts, 40 are to be tried", len(acts))
	}
	dir := everybodysDir(t)
	_, a := startChild(t, "acts", dir, listener(t))
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	checkRefused(t, a.Results)
	t.Logf("%d of %d acts tried; %s", len(a.Results), len(acts), a.Line)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the child left traces: %v, %v", entries, err)
	}
}

func checkRefused(t *testing.T, results []result) {
	t.Helper()
	if len(results) != len(acts) {
		t.Fatalf("%d results of %d acts", len(results), len(acts))
	}
	for i, r := range results {
		a := acts[i]
		switch {
		case r.Other != "" || r.Name != a.name:
			t.Errorf("%s: %s", r.Name, r.Other)
		case a.errno != 0 && r.Errno == a.errno:
		case a.errno == 0 && (r.Errno == unix.EPERM || r.Errno == unix.EACCES):
		case r.Errno == 0:
			t.Errorf("%s: possible", r.Name)
		default:
			t.Errorf("%s: %v, which is no refusal", r.Name, r.Errno)
		}
	}
}

// TestActsUnconfined proves that TestActs can fail: root can do the refused acts without the sandbox.
func TestActsUnconfined(t *testing.T) {
	needRoot(t)
	cmd := exec.Command("/proc/self/exe", "act", everybodysDir(t), listener(t))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var results []result
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	possible := map[string]bool{}
	for _, r := range results {
		possible[r.Name] = r.Errno == 0 && r.Other == ""
		if !possible[r.Name] {
			t.Logf("%s: %v %s", r.Name, r.Errno, r.Other)
		}
	}
	free := 0
	for _, a := range acts {
		if !a.free {
			continue
		}
		free++
		if !possible[a.name] {
			t.Errorf("%s: not possible for an unconfined root", a.name)
		}
	}
	t.Logf("%d of %d acts are possible unconfined", len(possible), len(acts))
	if free < 40 {
		t.Errorf("only %d acts are known to be possible unconfined", free)
	}
}

func actMain(args []string) int {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 1
	}
	w := &world{dir: args[0], abs: args[1], parent: unix.Getppid(), conn: fds[0]}
	if json.NewEncoder(os.Stdout).Encode(tryAll(w, func(a *act) bool { return !a.unsafe })) != nil {
		return 1
	}
	return 0
}

// TestActsDropped omits the system call filter: missing rights and Landlock alone refuse these acts.
func TestActsDropped(t *testing.T) {
	needRoot(t)
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		lab.Lacks(t, "no Landlock: ", errno)
	}
	dir := everybodysDir(t)
	_, a := startChild(t, "dropped", dir, listener(t))
	refused := map[string]bool{}
	for _, r := range a.Results {
		refused[r.Name] = r.Errno == unix.EPERM || r.Errno == unix.EACCES
	}
	t.Logf("%d of %d acts are refused before Confine", countTrue(refused), len(acts))
	for _, name := range []string{
		"read /etc/shadow", "open a file to write", "create a file", "mkdir", "unlink", "execve", "mount", "setuid 0",
		"capset",
		"bpf PROG_LOAD", "socket packet", "socket IPv4 raw", "ptrace the parent", "kill the parent", "process_vm_readv",
		"unshare network", "connect to an abstract socket", "read /proc/1/mem",
	} {
		if !refused[name] && (abi >= 6 || name != "connect to an abstract socket") {
			t.Errorf("%s: possible before Confine", name)
		}
	}
}

func countTrue(m map[string]bool) (n int) {
	for _, v := range m {
		if v {
			n++
		}
	}
	return n
}

// TestStatus reads the status of each thread of a confined process from /proc.
func TestStatus(t *testing.T) {
	needRoot(t)
	child, a := startChild(t, "work")
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", child.PID()))
	if err != nil || len(tasks) < 5 {
		t.Fatalf("%d threads: %v", len(tasks), err)
	}
	want := map[string]string{
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
		"CapBnd": "0000000000000000",
		"CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2", "Uid": "65534 65534 65534 65534",
		"Gid": "65534 65534 65534 65534", "Groups": "",
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			t.Fatal(err)
		}
		have := status(string(text))
		for name, w := range want {
			if have[name] != w {
				t.Errorf("%s: %s is %q, want %q", task, name, have[name], w)
			}
		}
	}
	r := a.Report
	if r.User != nobody || r.Capabilities != 0 || r.Bounding != 0 || !r.NoNewPrivs || !r.Seccomp {
		t.Errorf("report: %+v", r)
	}
	t.Logf("%d threads; %s", len(tasks), a.Line)
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child.PID()))
	if err != nil || string(name) != "weir-agent\n" {
		t.Errorf("the process is called %q: %v", name, err)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", child.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", child.PID(), fd.Name()))
		if n, _ := strconv.Atoi(fd.Name()); n > 2 && strings.HasPrefix(target, "/") {
			t.Errorf("descriptor %d is open: %s", n, target)
		}
	}
}

func status(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		m[name] = strings.Join(strings.Fields(value), " ")
	}
	return m
}

// TestWork complements TestActs: an agent can do its work.
func TestWork(t *testing.T) {
	_, a := startChild(t, "work")
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	if len(a.Results) != len(works) {
		t.Fatalf("%d results of %d works", len(a.Results), len(works))
	}
	for _, r := range a.Results {
		if r.Errno != 0 || r.Other != "" {
			t.Errorf("%s: %v %s", r.Name, r.Errno, r.Other)
		}
	}
}

// asUser runs this test binary as an unprivileged parent with ambient capabilities, and returns its and its child's
// answers.
func asUser(t *testing.T, binary string, uid uint32, ambient []uintptr, args ...string) parentAnswer {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"parent"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: false},
		AmbientCaps: ambient,
	}
	return runParent(t, cmd)
}

func runParent(t *testing.T, cmd *exec.Cmd) parentAnswer {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var a parentAnswer
	err = json.NewDecoder(out).Decode(&a)
	in.Close()
	if waitErr := cmd.Wait(); err != nil || waitErr != nil {
		t.Fatalf("parent: %v, %v\n%s", err, waitErr, stderr.String())
	}
	return a
}

func checkUnprivileged(t *testing.T, a parentAnswer, uid int) {
	t.Helper()
	if a.Child.Error != "" {
		t.Fatal(a.Child.Error)
	}
	have := status(a.Status)
	for _, name := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if have[name] != "0000000000000000" {
			t.Errorf("%s is %s", name, have[name])
		}
	}
	if have["NoNewPrivs"] != "1" || have["Seccomp"] != "2" || a.Child.Report.User != uid {
		t.Errorf("NoNewPrivs %s, Seccomp %s, user %d", have["NoNewPrivs"], have["Seccomp"], a.Child.Report.User)
	}
	t.Log(a.Child.Line)
}

// TestUnprivilegedParent: the parent is not root, and has a few capabilities.
func TestUnprivilegedParent(t *testing.T) {
	needRoot(t)
	const uid = 12345
	for _, c := range []struct {
		name    string
		ambient []uintptr
		bounded bool
	}{
		{"net_raw", []uintptr{unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_BPF}, false},
		{"setpcap", []uintptr{unix.CAP_NET_RAW, unix.CAP_SETPCAP}, true},
		{"none", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := everybodysDir(t)
			a := asUser(t, "/proc/self/exe", uid, c.ambient, "acts", dir, listener(t))
			checkUnprivileged(t, a, uid)
			checkRefused(t, a.Child.Results)
			if bounded := a.Child.Report.Bounding == 0; bounded != c.bounded {
				t.Errorf("bounding set %#x", a.Child.Report.Bounding)
			}
		})
	}
}

// TestFileCapabilities: root and a user execute a program file with capabilities.
func TestFileCapabilities(t *testing.T) {
	needRoot(t)
	binary := capableCopy(t)
	for _, uid := range []uint32{0, 12345} {
		dir := everybodysDir(t)
		a := asUser(t, binary, uid, nil, "acts", dir, listener(t))
		want := int(uid)
		if uid == 0 {
			want = nobody
		}
		checkUnprivileged(t, a, want)
		checkRefused(t, a.Child.Results)
	}
}

// capableCopy makes a copy of the test binary with file capabilities.
func capableCopy(t *testing.T) string {
	t.Helper()
	binary := copyOfTest(t, 0o755)
	// struct vfs_cap_data, revision 2, effective; the capabilities as setcap writes them
	value := make([]byte, 20)
	value[0], value[3] = 1, 2
	for _, c := range []int{unix.CAP_NET_RAW, unix.CAP_NET_ADMIN} {
		value[4+c/8] |= 1 << (c % 8)
	}
	if err := unix.Setxattr(binary, "security.capability", value, 0); err != nil {
		lab.Lacks(t, "no file capabilities here: ", err)
	}
	return binary
}

// copyOfTest makes a copy of the test binary that everyone can reach.
func copyOfTest(t *testing.T, mode os.FileMode) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(everybodysDir(t), "binary")
	if err := os.WriteFile(path, b, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrivateBinary: the user nobody cannot execute the program file, so the child stays root, without root's
// capabilities.
func TestPrivateBinary(t *testing.T) {
	needRoot(t)
	dir := everybodysDir(t)
	a := runParent(t, exec.Command(copyOfTest(t, 0o700), "parent", "acts", dir, listener(t)))
	checkUnprivileged(t, a, 0)
	checkRefused(t, a.Child.Results)
	if !strings.Contains(a.Child.Line, "user nobody: the program's file is not readable") {
		t.Error("the report doesn't say why the user is root: ", a.Child.Line)
	}
}

// TestReplacedBinary: the program file was deleted meanwhile, as by an upgrade.
func TestReplacedBinary(t *testing.T) {
	needRoot(t)
	binary := copyOfTest(t, 0o755)
	held, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/fd/3", "parent", "acts", everybodysDir(t), listener(t))
	cmd.ExtraFiles = []*os.File{held}
	a := runParent(t, cmd)
	checkUnprivileged(t, a, nobody)
	checkRefused(t, a.Child.Results)
}

// TestParentDies kills the parent; the child must not survive.
func TestParentDies(t *testing.T) {
	t.Run("unchanged", func(t *testing.T) { killParent(t, exec.Command("/proc/self/exe", "parent", "stay")) })
	t.Run("file with capabilities", func(t *testing.T) {
		needRoot(t)
		cmd := exec.Command(capableCopy(t), "parent", "stay")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
		killParent(t, cmd)
	})
}

func killParent(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // keeps it open
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var a parentAnswer
	if err := json.NewDecoder(out).Decode(&a); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// A child that nobody reaped is a zombie (state Z), until an init process reaps it.
	ended := wait.Reached(func() bool {
		var text []byte
		text, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", a.PID))
		return errors.Is(err, os.ErrNotExist) || strings.HasPrefix(status(string(text))["State"], "Z")
	})
	if !ended {
		_ = unix.Kill(a.PID, unix.SIGKILL)
		t.Fatalf("child %d lives on: %v", a.PID, err)
	}
}

// TestPanic: a confined process can still report its panic.
func TestPanic(t *testing.T) {
	stderr, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	saved := os.Stderr
	os.Stderr = w
	child, err := Start(Config{Args: []string{"panic"}})
	os.Stderr = saved
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Conn.Close()
	text, err := io.ReadAll(stderr)
	if err != nil || !strings.Contains(string(text), "panic: as asked") ||
		!strings.Contains(string(text), "childMain") {
		t.Errorf("%v\n%s", err, text)
	}
	if state, err := child.Wait(); err != nil || state.ExitCode() != 2 {
		t.Errorf("%v, %v", state, err)
	}
}

// TestStrayDescriptor: the parent has an open file inherited from its own starter.
func TestStrayDescriptor(t *testing.T) {
	needRoot(t)
	stray, err := os.Open(everybodysDir(t) + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	cmd := exec.Command("/proc/self/exe", "parent", "work")
	cmd.ExtraFiles = []*os.File{nil, nil, stray}
	a := runParent(t, cmd)
	if slices.Contains(a.Files, stray.Name()) || len(a.Files) < 4 {
		t.Errorf("the child has %q", a.Files)
	}
}

// oldKernelMain is parentMain on a kernel without a system call.
func oldKernelMain(number string, args []string) int {
	n, err := strconv.Atoi(number)
	if err != nil {
		return 1
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetNumber},
		{Code: unix.BPF_JMP | unix.BPF_JEQ, K: uint32(n), Jf: 1},
		{Code: unix.BPF_RET, K: absent},
		{Code: unix.BPF_RET, K: allow},
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return parentMain(args)
}

// TestOldKernel: the kernel lacks Landlock, or system call filters; the rest works, and the report names the lack.
func TestOldKernel(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name    string
		number  int
		missing string
	}{
		{"landlock", unix.SYS_LANDLOCK_CREATE_RULESET,
			"landlock: not in this kernel (since Linux 5.13, CONFIG_SECURITY_LANDLOCK)"},
		{"seccomp", unix.SYS_SECCOMP, "seccomp: not in this kernel (since Linux 3.17, CONFIG_SECCOMP_FILTER)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			role := "acts"
			if c.name == "seccomp" {
				role = "work" // some acts would be possible
			}
			a := runParent(t, exec.Command("/proc/self/exe", "old kernel", strconv.Itoa(c.number), role,
				everybodysDir(t), listener(t)))
			r := a.Child.Report
			if !slices.Contains(r.Missing, c.missing) || r.Seccomp != (c.name != "seccomp") || c.name == "landlock" &&
				r.Landlock != 0 {
				t.Errorf("%+v", r)
			}
			if role == "acts" {
				checkUnprivileged(t, a, nobody)
				checkRefused(t, a.Child.Results)
			}
		})
	}
}

// TestTerminal: a confined process sets its terminal up, as a full-screen program does.
func TestTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	saved := os.Stdin
	os.Stdin = slave
	_, a := startChild(t, "terminal")
	os.Stdin = saved
	if len(a.Results) != 1 || a.Results[0] != (result{Name: "terminal"}) {
		t.Errorf("%+v", a)
	}
}

// TestOutside: a process without a helper is not confined, and reports that.
func TestOutside(t *testing.T) {
	Init()
	if Inside() {
		t.Error("inside")
	}
	if _, err := Confine(); err == nil {
		t.Error("Confine does not report the missing sandbox")
	}
	if _, err := Conn(); err == nil {
		t.Error("Conn does not report the missing helper")
	}
}

// TestBadOrder starts the program with orders that Start never gives.
func TestBadOrder(t *testing.T) {
	for _, value := range []string{"", "x", `{"Parent":1}`, `{"Parent":"x"}`} {
		cmd := exec.Command("/proc/self/exe", "work")
		cmd.Env = append(os.Environ(), environment+"="+value)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != exitDrop || !strings.HasPrefix(string(out), "weir: sandbox: ") {
			t.Errorf("%q: %v\n%s", value, err, out)
		}
	}
}

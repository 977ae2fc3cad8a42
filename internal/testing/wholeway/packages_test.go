// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// packages makes weir's packages of two versions, and returns their folders.
func packages(t *testing.T, formats string) (older, newer string) {
	t.Helper()
	folder := t.TempDir()
	arch := strings.TrimSpace(run(t, "go", "env", "GOARCH"))
	for _, version := range []string{"1.0.0", "1.1.0"} {
		programs := filepath.Join(folder, version, "programs")
		file := filepath.Join(programs, "weir-linux-"+arch)
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags",
			"-s -w -X main.version="+version, "-o", file, "../../../cmd/weir")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		run(t, "go", "run", "../../../scripts/sbom", "-version", version, "-licences",
			filepath.Join(programs, "LICENCES"), file)
		pack := exec.Command("../../../scripts/packages", "-f", formats, "-p", programs, "-o",
			filepath.Join(folder, version))
		pack.Env = append(os.Environ(), "VERSION="+version)
		if text, err := pack.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	return filepath.Join(folder, "1.0.0"), filepath.Join(folder, "1.1.0")
}

// only returns the one file that matches.
func only(t *testing.T, pattern ...string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q: %q, %v", pattern, found, err)
	}
	return found[0]
}

func run(t *testing.T, command ...string) string {
	t.Helper()
	text, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, text)
	}
	return string(text)
}

// machine is a folder with a small system in it, on which packages are installed. Its systemctl only takes notes.
type machine struct {
	t    *testing.T
	root string
}

// newMachine makes one of busybox, or with WEIR_DEBIAN=bookworm one of that release of Debian.
func newMachine(t *testing.T) machine {
	t.Helper()
	if os.Geteuid() != 0 {
		lab.Lacks(t, "dpkg --root takes root")
	}
	m := machine{t, t.TempDir()}
	if release := os.Getenv("WEIR_DEBIAN"); release != "" {
		run(t, "debootstrap", "--variant=minbase", release, m.root, mirror(t))
	} else {
		m.busybox()
	}
	m.script("usr/bin/systemctl", `echo "$@" >>/systemctl`)
	for _, folder := range []string{"run/systemd/system", "proc", "sys", "dev", "var/lib/dpkg/info"} {
		if err := os.MkdirAll(filepath.Join(m.root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// libraries returns the shared libraries of a program.
func libraries(program string) (files []string) {
	text, _ := exec.Command("ldd", program).CombinedOutput() // fails for a static one
	for _, found := range regexp.MustCompile(`(?m)(/\S+) \(0x`).FindAllStringSubmatch(string(text), -1) {
		files = append(files, found[1])
	}
	return files
}

// copy copies files of this machine.
func (m machine) copy(files ...string) {
	m.t.Helper()
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		m.file(file, string(body), 0o755)
	}
}

// busybox gives a machine a shell, and nothing else.
func (m machine) busybox() {
	m.t.Helper()
	shell, err := exec.LookPath("busybox")
	if err != nil {
		lab.Lacks(m.t, "busybox is missing; scripts/setup test installs it")
	}
	m.copy(append(libraries(shell), shell)...)
	for _, name := range []string{"sh", "id", "rm", "echo", "mkdir", "cat"} {
		link := filepath.Join(m.root, "bin", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.Symlink(shell, link); err != nil {
			m.t.Fatal(err)
		}
	}
	m.file("etc/passwd", "root:x:0:0::/:/bin/sh\n", 0o644)
	m.file("var/lib/dpkg/status", "", 0o644)
	m.script("usr/bin/systemd-sysusers", `echo "weir:x:999:999::/var/lib/weir:/" >>/etc/passwd`)
}

func (m machine) file(name, text string, mode os.FileMode) {
	m.t.Helper()
	path := filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) script(name, text string) { m.file(name, "#!/bin/sh\n"+text+"\n", 0o755) }

// mirror returns the archive of Debian that this machine uses.
func mirror(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(run(t, "apt-get", "indextargets", "--format", "$(SITE)")) {
		if site := strings.TrimSuffix(strings.TrimSpace(line), "/"); strings.HasSuffix(site, "/debian") {
			return site
		}
	}
	t.Fatal("apt names no archive of Debian")
	return ""
}

// has reports whether the machine has a file.
func (m machine) has(name string) bool {
	_, err := os.Lstat(filepath.Join(m.root, name))
	return err == nil
}

// told returns what systemctl was told since the last call.
func (m machine) told() string {
	m.t.Helper()
	path := filepath.Join(m.root, "systemctl")
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if err := os.Remove(path); err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// What systemctl is told when weir restarts in its place, and when it can't.
const (
	inPlace   = "daemon-reload\n--quiet is-active weir.service\n"
	restarted = inPlace + "try-restart weir.service\n"
)

func (m machine) dpkg(arguments ...string) {
	m.t.Helper()
	run(m.t, append([]string{"dpkg", "--root=" + m.root}, arguments...)...)
}

// weir starts the machine's program on the host of a system, as its unit would.
func (m machine) weir(s *system, version string) *program.Program {
	m.t.Helper()
	agent := program.Start(m.t, s.host, nil, "unshare", "--mount", "sh", "-c", `mount -t proc proc "$0/proc" &&
		mount -t sysfs sysfs "$0/sys" && mount --rbind /dev "$0/dev" && exec chroot "$0" /usr/bin/weir "$@"`, m.root,
		"run", "--config", "/etc/weir/weir.yaml", "-i", "eth0", "--output", "report", "--report-every", "1s",
		"--uplink", "on", "--socket", "/run/weir/weir.sock")
	agent.Await("watching")
	m.isInstalled(version)
	return agent
}

func (m machine) isInstalled(version string) {
	m.t.Helper()
	if said := run(m.t, "chroot", m.root, "/usr/bin/weir", "--version"); strings.TrimSpace(said) != "weir "+version {
		m.t.Errorf("installed is %q, not %s", said, version)
	}
}

// TestUpgrade: packages replace each other under a weir that runs, newer or older, which restarts in its place: the
// process and the capture go on, and the sink gets each report. What is removed leaves settings and state, a purge
// nothing.
func TestUpgrade(t *testing.T) {
	m := newMachine(t)
	older, newer := packages(t, "deb")
	files := map[string]string{"1.0.0": only(t, older, "*.deb"), "1.1.0": only(t, newer, "*.deb")}
	s := newSystem(t)
	m.dpkg("--install", files["1.0.0"])
	state := filepath.Join(m.root, "var/lib/weir")
	if err := os.CopyFS(state, os.DirFS(s.state())); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(m.root, "run/weir"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.told()
	settings := "flows:\n  max: 4096\n"
	m.file("etc/weir/weir.yaml", settings, 0o644)

	agent := m.weir(s, "1.0.0")
	lab.Landed(t)
	before, err := s.host.Counters("eth0")
	if err != nil {
		t.Fatal(err)
	}
	stop := s.talk()
	for n, version := range []string{"1.1.0", "1.0.0", "1.1.0"} {
		reports := strings.Count(agent.Stdout.String(), "\n")
		wait.Until(t, "weir reports", func() bool { return strings.Count(agent.Stdout.String(), "\n") >= reports+3 })
		m.dpkg("--force-downgrade", "--install", files[version])
		if told := m.told(); told != inPlace {
			t.Errorf("at %s systemctl was told %q", version, told)
		}
		m.isInstalled(version)
		if times := strings.Count(agent.Said.String(), "restarting in place"); times != n+1 {
			t.Errorf("weir restarted %d times, not %d", times, n+1)
		}
	}
	reports := strings.Count(agent.Stdout.String(), "\n")
	wait.Until(t, "weir reports", func() bool { return strings.Count(agent.Stdout.String(), "\n") >= reports+3 })
	stop()
	lab.Landed(t)
	after, err := s.host.Counters("eth0")
	if err != nil {
		t.Fatal(err)
	}
	end(agent)
	all := intervals(t, agent.Stdout.String())
	s.known(all[len(all)-1].Sequence)
	var counted uint64
	for i := range all {
		s.compare(&all[i])
		counted += all[i].sums().packets
		if i > 0 && (all[i].Epoch != all[i-1].Epoch || all[i].Sequence != all[i-1].Sequence+1) {
			t.Errorf("report %d comes after %d", all[i].Sequence, all[i-1].Sequence)
		}
	}
	arrived := after.RxPackets - before.RxPackets
	t.Logf("%d packets came in, weir counted %d in %d reports", arrived, counted, len(all))
	if counted < arrived {
		t.Errorf("%d packets are uncounted", arrived-counted)
	}
	if text, err := os.ReadFile(filepath.Join(m.root, "etc/weir/weir.yaml")); err != nil || string(text) != settings {
		t.Errorf("the settings are now %q, %v", text, err)
	}
	m.remove()
}

// remove removes the package, then purges it.
func (m machine) remove() {
	m.t.Helper()
	m.dpkg("--remove", "weir")
	if told := m.told(); told != "disable --now weir.service\ndaemon-reload\n" {
		m.t.Errorf("at the removal systemctl was told %q", told)
	}
	for _, gone := range []string{"usr/bin/weir", "usr/lib/systemd/system/weir.service", "usr/share/doc/weir"} {
		if m.has(gone) {
			m.t.Errorf("%s is there after the removal", gone)
		}
	}
	for _, stays := range []string{"etc/weir/weir.yaml", "var/lib/weir/uplink/key.pem"} {
		if !m.has(stays) {
			m.t.Errorf("the removal took %s", stays)
		}
	}
	m.dpkg("--purge", "weir")
	for _, gone := range []string{"etc/weir", "var/lib/weir"} {
		if m.has(gone) {
			m.t.Errorf("%s is there after the purge", gone)
		}
	}
}

// sinkPackages makes weir-sink's packages of two versions, of the same program.
func sinkPackages(t *testing.T) (older, newer string) {
	t.Helper()
	files := map[string]string{}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		folder := t.TempDir() // also of the programs: weir's package is not made
		pack := exec.Command("../../../scripts/packages", "-s", "-f", "deb", "-p", folder, "-o", folder)
		pack.Env = append(os.Environ(), "VERSION="+version, "SINK="+program.WeirSink(t))
		if text, err := pack.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		files[version] = only(t, folder, "weir-sink_*.deb")
	}
	return files["1.0.0"], files["1.1.0"]
}

// TestSinkPackage: weir-sink's packages replace each other while an agent reports: each report is there once. What is
// removed leaves the store, a purge nothing.
func TestSinkPackage(t *testing.T) {
	if os.Getenv("WEIR_UPLINK_KILLS") == "" {
		t.Skip("scripts/soak runs this: packing DuckDB twice takes a minute and more")
	}
	m := newMachine(t)
	older, newer := sinkPackages(t)
	force := []string{"--force-downgrade"}
	if os.Getenv("WEIR_DEBIAN") == "" { // what the package depends on is there, but no package
		m.copy(libraries(program.WeirSink(t))...)
		force = append(force, "--force-depends")
	}
	install := func(file, want string) {
		t.Helper()
		m.dpkg(append(slices.Clone(force), "--install", file)...)
		if told := m.told(); told != want {
			t.Errorf("at %s systemctl was told %q", filepath.Base(file), told)
		}
	}
	const again = "daemon-reload\ntry-restart weir-sink.service\n"
	install(older, again)

	// As the unit starts it, but with folders as the tests see them.
	start := filepath.Join(t.TempDir(), "weir-sink")
	script := "#!/bin/bash\nexport ROOT=" + m.root + `
exec unshare --mount bash -c 'mount -t proc proc "$ROOT/proc" && exec chroot "$ROOT" /usr/bin/weir-sink "${@#$ROOT}"' \
  weir-sink "$@"
`
	if err := os.WriteFile(start, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSystemOf(t, t.TempDir(), filepath.Join(m.root, "var/lib/weir-sink"), start)
	agent := s.watch()
	agent.Await("watching")
	stop := s.talk()
	more := func() {
		t.Helper()
		n := strings.Count(agent.Stdout.String(), "\n") + 3
		wait.Until(t, "weir reports", func() bool { return strings.Count(agent.Stdout.String(), "\n") >= n })
	}
	more()
	for _, file := range []string{newer, older, newer} {
		install(file, again)
		if err := s.serving.Process.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if status := s.serving.End(2 * wait.Limit); status != 0 {
			t.Errorf("weir-sink ended with %d; it said\n%s", status, s.serving.Said)
		}
		s.serve()
		more()
	}
	stop()
	end(agent)
	all := intervals(t, agent.Stdout.String())
	s.known(all[len(all)-1].Sequence)
	for i := range all {
		s.compare(&all[i])
	}
	m.removeSink()
}

// removeSink removes the package, then purges it.
func (m machine) removeSink() {
	m.t.Helper()
	m.dpkg("--remove", "weir-sink")
	if told := m.told(); told != "disable --now weir-sink.service\ndaemon-reload\n" {
		m.t.Errorf("at the removal systemctl was told %q", told)
	}
	if m.has("usr/bin/weir-sink") || m.has("usr/lib/systemd/system/weir-sink.service") || !m.has("var/lib/weir-sink") {
		m.t.Error("the removal took the store, or left the program or its unit")
	}
	m.dpkg("--purge", "weir-sink")
	if m.has("var/lib/weir-sink") {
		m.t.Error("the purge left the store")
	}
}

// TestOtherPackages: rpm installs, upgrades, downgrades and removes weir; those of Alpine and OpenWrt have their parts.
func TestOtherPackages(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		lab.Lacks(t, "rpm is missing; scripts/setup test installs it")
	}
	m := newMachine(t)
	older, newer := packages(t, "rpm,apk,ipk")
	rpm := func(arguments ...string) {
		t.Helper()
		run(t, append([]string{"rpm", "--root", m.root, "--dbpath", "/var/lib/rpm", "--nodeps"},
			arguments...)...)
	}
	version := func(want string) {
		t.Helper()
		if said := run(t, "chroot", m.root, "/usr/bin/weir", "--version"); strings.TrimSpace(said) != "weir "+want {
			t.Errorf("installed is %q, not %s", said, want)
		}
	}
	rpm("--install", only(t, older, "*.rpm"))
	version("1.0.0")
	rpm("--upgrade", only(t, newer, "*.rpm"))
	version("1.1.0")
	rpm("--upgrade", "--oldpackage", only(t, older, "*.rpm"))
	version("1.0.0")
	if told := m.told(); strings.Contains(told, "disable") || strings.Count(told, restarted) != 3 {
		t.Errorf("systemctl was told %q", told)
	}
	m.file("etc/weir/weir.yaml", "flows:\n  max: 4096\n", 0o644)
	rpm("--erase", "weir")
	if told := m.told(); told != "disable --now weir.service\ndaemon-reload\n" || m.has("usr/bin/weir") ||
		!m.has("etc/weir/weir.yaml.rpmsave") {
		t.Errorf("after the removal, systemctl was told %q", told)
	}

	list := strings.Fields(run(t, "sh", "-c", `tar xzOf "$0" ./data.tar.gz | tar tz`, only(t, older, "*.ipk")))
	for _, want := range []string{"./usr/bin/weir", "./etc/init.d/weir", "./etc/config/weir",
		"./lib/upgrade/keep.d/weir"} {
		if !slices.Contains(list, want) {
			t.Errorf("the package of OpenWrt lacks %s: %q", want, list)
		}
	}
	control := run(t, "sh", "-c", `tar xzOf "$0" ./control.tar.gz | tar xzO ./control ./conffiles`,
		only(t, older, "*.ipk"))
	if !strings.Contains(control, "\n/etc/config/weir\n") || !strings.Contains(control, "\nVersion: 1.0.0-1\n") {
		t.Errorf("the package of OpenWrt says %s", control)
	}
	list = strings.Fields(run(t, "sh", "-c", `tar tzf "$0" 2>/dev/null`, only(t, older, "*.apk")))
	for _, want := range []string{".PKGINFO", ".post-upgrade", "usr/bin/weir", "etc/init.d/weir",
		"etc/weir/weir.yaml"} {
		if !slices.Contains(list, want) {
			t.Errorf("the package of Alpine lacks %s: %q", want, list)
		}
	}
}

// TestInitOfAlpine: openrc-run would find no mistake of syntax in the script.
func TestInitOfAlpine(t *testing.T) {
	run(t, "sh", "-n", "../../../deploy/openrc/weir")
	if info, err := os.Stat("../../../deploy/openrc/weir"); err != nil || info.Mode()&unix.S_IXUSR == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// reloading is a weir with a file of settings.
type reloading struct {
	*run
	file, socket string
}

// set writes the file anew.
func (r *reloading) set(t *testing.T, lines ...string) {
	t.Helper()
	text := strings.Join(append(lines, "uplink: {use: off}", "control: {socket: "+r.socket+"}"), "\n") + "\n"
	if err := os.WriteFile(r.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reload returns what weir reload says.
func (r *reloading) reload(wantStatus int) string {
	r.T.Helper()
	c := exec.Command(weir(r.T), "reload", "--socket", r.socket)
	out, err := c.CombinedOutput()
	if status := c.ProcessState.ExitCode(); status != wantStatus {
		r.T.Errorf("weir reload: status %d, want %d (%v)\n%s", status, wantStatus, err, out)
	}
	return string(out)
}

// send sends frames of one flow, and waits until weir has counted them.
func (r *reloading) send(link string, frame []byte, n int, total uint64) {
	r.T.Helper()
	_, err := r.host.SendFrames(context.Background(), link, [][]byte{frame}, lab.Sending{Rate: 2000, Loops: n})
	if err != nil {
		r.T.Fatal(err)
	}
	wait.Until(r.T, "weir has counted what was sent", func() bool {
		answer, err := control.Ask(r.socket, &control.Request{Status: true})
		var s control.Status
		return err == nil && json.Unmarshal(answer.Status, &s) == nil && s.Packets >= total
	})
}

// TestReload changes settings while a flow is under way: a mistake changes nothing, what can be applied is, weir says
// what can't, and the flow is one record with all its packets.
func TestReload(t *testing.T) {
	h := quietHost(t, 2)
	folder, m := t.TempDir(), newManager(t)
	r := &reloading{file: filepath.Join(folder, "weir.yaml"), socket: filepath.Join(folder, "socket")}
	r.set(t, "capture: {interfaces: [in0]}")
	r.run = launch(t, h, "env", "NOTIFY_SOCKET="+m.path, weir(t), "run", "--config", r.file, "--output", "ndjson")
	m.await("READY=1")
	frames := datagrams(2)
	r.send("out0", frames[0], 7, 7)

	r.set(t, "capture: {interfaces: [in0]}", "flows: {maximum: 5}")
	if said := r.reload(1); !strings.Contains(said, ":2: unknown key") {
		t.Errorf("a mistake: %s", said)
	}
	m.await("RELOADING=1")
	m.await("READY=1")
	r.set(t, "capture: {interfaces: [in0, absent0]}")
	if said := r.reload(1); !strings.Contains(said, "absent0") {
		t.Errorf("an absent interface: %s", said)
	}
	m.await("READY=1")

	r.set(t, "capture: {interfaces: [in0, in1]}", "flows: {max: 4096}", "network: {lan_networks: [192.0.2.0/24]}",
		"log: {level: debug}")
	said := r.reload(0)
	for _, want := range []string{"capture.interfaces: in0, in1 instead of in0\n",
		"flows.max: stays 65536; 4096 needs a restart\n", "network.lan_networks: 192.0.2.0/24 instead of -\n",
		"log.level: debug instead of info\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("weir reload said %q, not %q", said, want)
		}
	}
	m.await("RELOADING=1")
	m.await("READY=1")
	r.Await("watching in1")
	r.send("out1", frames[1], 5, 12)
	r.send("out0", frames[0], 3, 15)

	r.set(t, "capture: {interfaces: [in0]}", "flows: {max: 4096}")
	if tty, err := os.Open("/dev/tty"); err == nil { // of which SIGHUP would tell the end
		tty.Close()
		r.reload(0)
	} else if err := r.Process.Process.Signal(unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.await("RELOADING=1")
	m.await("READY=1")
	r.Await("no longer watching in1")
	r.send("out0", frames[0], 4, 19)
	flows := r.stop()
	if len(flows) != 2 {
		t.Fatalf("%d records, want 2: %+v", len(flows), flows)
	}
	for _, f := range flows {
		want := map[string]uint64{"in0": 14, "in1": 5}[f.Interface]
		if packets, _ := sums([]flowRecord{f}); packets != want {
			t.Errorf("%s: %d packets, want %d", f.Interface, packets, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// These tests run the real program in network namespaces.

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	status := m.Run()
	program.Remove()
	os.Exit(status)
}

// weir returns the path of the built program.
func weir(t testing.TB) string {
	t.Helper()
	path, _ := program.Weir(t)
	return path
}

// needLibpcap requires a build with libpcap.
func needLibpcap(t testing.TB) {
	t.Helper()
	if _, has := program.Weir(t); !has {
		lab.Lacks(t, "weir is built without libpcap: /usr/include/pcap.h or gcc is missing")
	}
}

func sh(t testing.TB, h *lab.Host, lines ...string) string {
	t.Helper()
	return program.Sh(t, h, lines...)
}

// quietHost returns a host with both ends of veth pairs, which carry only the test's frames: no addresses, no IPv6.
// Pair i leads from out<i> to in<i>.
func quietHost(t testing.TB, pairs int) *lab.Host {
	t.Helper()
	h, _ := lab.NewPair(t)
	lines := []string{
		"ip link delete eth0",
		"echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
		"echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6",
	}
	for i := range pairs {
		lines = append(lines,
			fmt.Sprintf("ip link add out%d mtu 9000 type veth peer name in%d mtu 9000", i, i),
			fmt.Sprintf("ip link set out%d up; ip link set in%d up", i, i))
	}
	sh(t, h, lines...)
	return h
}

// run is a running weir run.
type run struct {
	*program.Program
	host *lab.Host
}

// launch starts weir with arguments, or a program that starts it.
func launch(t testing.TB, h *lab.Host, command ...string) *run {
	t.Helper()
	return launchTo(t, h, nil, command...)
}

// launchTo is launch with the program's standard output redirected.
func launchTo(t testing.TB, h *lab.Host, stdout io.Writer, command ...string) *run {
	t.Helper()
	return &run{program.Start(t, h, stdout, command...), h}
}

// watch starts weir run with flags, and waits until it has logged all lines of its start.
func watch(t testing.TB, h *lab.Host, flags ...string) *run {
	t.Helper()
	return watchTo(t, h, nil, flags...)
}

// watchTo is watch with the records redirected.
func watchTo(t testing.TB, h *lab.Host, stdout io.Writer, flags ...string) *run {
	t.Helper()
	r := launchTo(t, h, stdout, append([]string{weir(t), "run", "--output", "ndjson"}, flags...)...)
	r.Await("watching")
	r.Await("WAN: ")
	return r
}

// child returns the PID of the confined process; mode libpcap has a second child.
func (r *run) child() int {
	r.T.Helper()
	child := 0
	wait.Until(r.T, "weir has a confined child", func() bool {
		for _, pid := range program.Children(r.PID()) {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if strings.Contains(string(status), "\nSeccomp:\t2") && !strings.Contains(string(status), "weir-ship") &&
				!strings.Contains(string(status), "weir-export") {
				child = pid
			}
		}
		return child != 0
	})
	return child
}

// stop stops weir and returns its flows.
func (r *run) stop() []flowRecord {
	r.T.Helper()
	r.end()
	return records(r.T, r.Stdout.String())
}

// endTime bounds weir's end: its helper grants a minute.
const endTime = 90 * time.Second

// end stops weir, and waits for its exit.
func (r *run) end() {
	r.T.Helper()
	if err := r.Process.Process.Signal(syscall.SIGTERM); err != nil {
		r.T.Fatal(err)
	}
	if status := r.End(endTime); status != 0 {
		r.T.Fatalf("weir ended with %d; it said\n%s", status, r.Said)
	}
}

// endpoint and flowRecord are the parts of a record that the tests read.
type endpoint struct {
	IP             string
	Port           int
	Packets, Bytes uint64
}

type flowRecord struct {
	CommunityID    string   `json:"community_id"`
	EndReason      string   `json:"end_reason"`
	Proto          string   `json:"ip_proto"`
	Interface      string   `json:"interface"`
	VLANs          []int    `json:"vlan"`
	Tunnels        []string `json:"tunnel"`
	Client, Server endpoint
	all            map[string]any
}

func records(t testing.TB, ndjson string) (flows []flowRecord) {
	t.Helper()
	for line := range strings.Lines(ndjson) {
		var r flowRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if err := json.Unmarshal([]byte(line), &r.all); err != nil {
			t.Fatal(err)
		}
		flows = append(flows, r)
	}
	return flows
}

// sums returns the totals of all records.
func sums(flows []flowRecord) (packets, bytes uint64) {
	for i := range flows {
		packets += flows[i].Client.Packets + flows[i].Server.Packets
		bytes += flows[i].Client.Bytes + flows[i].Server.Bytes
	}
	return packets, bytes
}

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

	"github.com/weirnet/weir/internal/lab"
	"github.com/weirnet/weir/internal/lab/program"
	"github.com/weirnet/weir/internal/lab/wait"
)

// These tests run the real program in network namespaces.

func TestMain(m *testing.M) {
	status := m.Run()
	program.Remove()
	os.Exit(status)
}

// weir is the built program.
func weir(t testing.TB) string {
	t.Helper()
	path, _ := program.Weir(t)
	return path
}

// needLibpcap wants it built with libpcap.
func needLibpcap(t testing.TB) {
	t.Helper()
	if _, has := program.Weir(t); !has {
		lab.Lacks(t, "weir is built without libpcap: there is no /usr/include/pcap.h, or no gcc")
	}
}

func sh(t testing.TB, h *lab.Host, lines ...string) string {
	t.Helper()
	return program.Sh(t, h, lines...)
}

// quietHost is a host with veth pairs of which both ends are in it and that carry what a test sends and nothing else:
// no addresses, no IPv6. Pair i is out<i> to in<i>.
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

// run is a weir run that goes on.
type run struct {
	*program.Program
	host *lab.Host
}

// launch starts weir with arguments, or a program that starts it.
func launch(t testing.TB, h *lab.Host, command ...string) *run {
	t.Helper()
	return launchTo(t, h, nil, command...)
}

// launchTo is launch with the program's standard output elsewhere.
func launchTo(t testing.TB, h *lab.Host, stdout io.Writer, command ...string) *run {
	t.Helper()
	return &run{program.Start(t, h, stdout, command...), h}
}

// watch starts weir run with flags and waits until it watches and has said all that it says of itself at its start.
func watch(t testing.TB, h *lab.Host, flags ...string) *run {
	t.Helper()
	return watchTo(t, h, nil, flags...)
}

// watchTo is watch with the records elsewhere.
func watchTo(t testing.TB, h *lab.Host, stdout io.Writer, flags ...string) *run {
	t.Helper()
	r := launchTo(t, h, stdout, append([]string{weir(t), "run", "--output", "ndjson"}, flags...)...)
	r.Await("watching")
	r.Await("WAN: ")
	return r
}

// child is the process number of the confined process; in mode libpcap there is another child.
func (r *run) child() int {
	r.T.Helper()
	child := 0
	wait.Until(r.T, "weir has a confined child", func() bool {
		for _, pid := range program.Children(r.PID()) {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if strings.Contains(string(status), "\nSeccomp:\t2") {
				child = pid
			}
		}
		return child != 0
	})
	return child
}

// stop asks weir to end and returns the flows that it has reported.
func (r *run) stop() []flowRecord {
	r.T.Helper()
	r.end()
	return records(r.T, r.Stdout.String())
}

// endTime is what weir has at the very most to end: its helper grants a minute.
const endTime = 90 * time.Second

// end asks weir to end, and waits until it has.
func (r *run) end() {
	r.T.Helper()
	if err := r.Process.Process.Signal(syscall.SIGTERM); err != nil {
		r.T.Fatal(err)
	}
	if status := r.End(endTime); status != 0 {
		r.T.Fatalf("weir ended with %d; it said\n%s", status, r.Said)
	}
}

// endpoint and flowRecord are what the tests read of a record.
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

// sums adds up all records.
func sums(flows []flowRecord) (packets, bytes uint64) {
	for i := range flows {
		packets += flows[i].Client.Packets + flows[i].Server.Packets
		bytes += flows[i].Client.Bytes + flows[i].Server.Bytes
	}
	return packets, bytes
}

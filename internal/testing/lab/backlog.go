// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// backlogPackets is a CPU's backlog, in packets, that tests need on a busy machine.
const backlogPackets = 100_000

const backlogSetting = "/proc/sys/net/core/netdev_max_backlog"

// DeepenBacklog raises the machine's limit of packets that wait for a CPU (by default 1,000), unless it is high enough.
// Packets over a veth pass that queue, and a busy machine drops those without room, even of other tests' traffic. The
// limit belongs to no namespace, and stays raised: it bounds a queue, and costs nothing while that is empty.
func DeepenBacklog(t testing.TB) {
	t.Helper()
	if err := deepenBacklog(); err != nil {
		t.Fatal(err)
	}
}

func deepenBacklog() error {
	text, err := os.ReadFile(backlogSetting)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n >= backlogPackets {
		return nil
	}
	return os.WriteFile(backlogSetting, []byte(strconv.Itoa(backlogPackets)), 0o644)
}

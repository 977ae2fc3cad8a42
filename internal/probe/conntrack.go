// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"
	"strings"

	"github.com/weirnet/weir/internal/conntrack"
)

// accounting is the sysctl that makes the kernel count a connection's packets.
const accounting = "net.netfilter.nf_conntrack_acct"

// probeConntrack tries whether the kernel reports the connections that it tracks.
func probeConntrack(e explainer) []Feature {
	all := []string{EBPF, Libpcap, AFPacket}
	tracking := Feature{Name: "conntrack", OK: true, Detail: "says who began a connection, and joins the legs of NAT",
		NeededBy: all, Optional: true}
	socket, err := conntrack.Open()
	if err != nil {
		return []Feature{e.no(tracking, err, what{needs: []string{"CAP_NET_ADMIN"},
			kernel: "conntrack's events (CONFIG_NF_CT_NETLINK)"})}
	}
	_ = socket.Close() // only a trial
	counts := Feature{Name: "conntrack accounting", OK: true, Detail: "counts what a card forwards by itself",
		NeededBy: all, Optional: true}
	value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(accounting, ".", "/"))
	switch {
	case err != nil:
		counts.OK, counts.Detail, counts.Why = false, "", err.Error()
	case strings.TrimSpace(string(value)) == "0":
		counts.OK, counts.Detail = false, ""
		counts.Why = accounting + " is 0: nobody counts packets that a card forwards by itself (flowtable offload)"
		counts.Fix = "sysctl -w " + accounting + "=1, if flowtables are offloaded to a card"
	}
	return []Feature{tracking, counts}
}

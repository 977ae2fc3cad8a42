// SPDX-License-Identifier: Apache-2.0

package packet

import "testing"

func TestNames(t *testing.T) {
	for proto, want := range map[uint8]string{
		6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6", 2: "igmp", 47: "gre", 50: "esp", 51: "ah", 132: "sctp",
		89:  "ospf",
		103: "pim", 112: "vrrp", 0: "0", 4: "4", 8: "8", 41: "41", 136: "136", 255: "255",
	} {
		if got := ProtoName(proto); got != want {
			t.Errorf("protocol %d is %q, want %q", proto, got, want)
		}
	}
	seen := map[string]bool{}
	for tunnel := TunnelNone; tunnel < NumTunnels; tunnel++ {
		if name := tunnel.String(); name == "" || seen[name] {
			t.Errorf("tunnel %d is %q", tunnel, name)
		} else {
			seen[name] = true
		}
	}
	clear(seen)
	for fault := range Fault(NumFaults) {
		if name := fault.String(); name == "" || seen[name] {
			t.Errorf("fault %d is %q", fault, name)
		} else {
			seen[name] = true
		}
	}
	if NumFaults != int(FaultEncrypted)+1 {
		t.Errorf("NumFaults is %d", NumFaults)
	}
	if got := Tunnel(200).String() + Fault(201).String(); got != "200201" {
		t.Errorf("unknown values are %q", got)
	}
}

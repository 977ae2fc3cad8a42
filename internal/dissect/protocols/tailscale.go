// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// tailscale: path discovery between nodes, on the same port as WireGuard.
var tailscaleProtocol = &dissect.Protocol{
	Name: "tailscale", Spec: "tailscale disco package: magic, sender's key, nonce, sealed box", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{41641}, Start: dissect.FirstBytes(tailscaleDisco),
	MinLength: len(tailscaleDisco) + 32 + 24 + 16,
	Inspect:   inspectTailscale,
}

const tailscaleDisco = "TS\xf0\x9f\x92\xac" // "TS" and a speech balloon

func inspectTailscale(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if !hasPrefix(c.Newest().Payload, tailscaleDisco) {
		return dissect.No
	}
	r.SetApplication("tailscale")
	return dissect.Yes
}

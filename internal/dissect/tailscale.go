// SPDX-License-Identifier: Apache-2.0

package dissect

// Tailscale's path discovery between nodes, beside WireGuard on the same port.
var _ = register(Protocol{
	Name: "tailscale", Spec: "tailscale disco package: magic, sender's key, nonce, sealed box", Category: "vpn",
	Over: UDP, Ports: []uint16{41641}, Start: Firsts(tailscaleDisco), MinLength: len(tailscaleDisco) + 32 + 24 + 16,
	Inspect: inspectTailscale,
})

const tailscaleDisco = "TS\xf0\x9f\x92\xac" // "TS" and a speech balloon

func inspectTailscale(c *Conversation, r *Result) Verdict {
	if !hasPrefix(c.Newest().Payload, tailscaleDisco) {
		return No
	}
	r.SetApplication("tailscale")
	return Yes
}

// SPDX-License-Identifier: Apache-2.0

package dissect

// citrix-ica: the detection string of ICA, and the Common Gateway Protocol around it.
var _ = register(Protocol{
	Name:      "citrix-ica",
	Spec:      "Citrix ICA and CGP, as observed",
	Category:  "remote-access",
	Over:      TCP,
	Ports:     []uint16{1494, 2598},
	Start:     Firsts("\x7f", "\x1a"),
	MinLength: 6,
	Inspect:   inspectCitrixICA,
})

func inspectCitrixICA(c *Conversation, r *Result) Verdict {
	if hasPrefix(c.First(), "\x7f\x7fICA\x00") || hasPrefix(c.First(), "\x1aCGP/01") {
		return Yes
	}
	return No
}

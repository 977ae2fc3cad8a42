// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// citrix-ica: ICA, by its detection string, and the Common Gateway Protocol around it.
var citrixICAProtocol = &dissect.Protocol{
	Name:      "citrix-ica",
	Spec:      "Citrix ICA and CGP, as observed",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{1494, 2598},
	Start:     dissect.FirstBytes("\x7f", "\x1a"),
	MinLength: 6,
	Inspect:   inspectCitrixICA,
}

func inspectCitrixICA(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if hasPrefix(c.First(), "\x7f\x7fICA\x00") || hasPrefix(c.First(), "\x1aCGP/01") {
		return dissect.Yes
	}
	return dissect.No
}

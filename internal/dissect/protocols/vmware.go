// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// vmware: the greeting of the VMware Authentication Daemon, which virtual machine consoles connect to.
var vmwareProtocol = &dissect.Protocol{
	Name:      "vmware",
	Spec:      "VMware Authentication Daemon, as observed",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{902, 903},
	Start:     dissect.FirstBytes("220 VMware"),
	MinLength: 8,
	Inspect:   inspectVMware,
}

func inspectVMware(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const greeting = "220 VMware Authentication Daemon"
	b := c.First()
	switch {
	case hasPrefix(b, greeting):
		return dissect.Yes
	case couldBe(b, greeting):
		return dissect.NeedMore
	}
	return dissect.No
}

// SPDX-License-Identifier: Apache-2.0

package dissect

// vmware: the greeting of the VMware Authentication Daemon, to which consoles of virtual machines connect.
var _ = register(Protocol{
	Name:      "vmware",
	Spec:      "VMware Authentication Daemon, as observed",
	Category:  "remote-access",
	Over:      TCP,
	Ports:     []uint16{902, 903},
	Start:     Firsts("220 VMware"),
	MinLength: 8,
	Inspect:   inspectVMware,
})

func inspectVMware(c *Conversation, r *Result) Verdict {
	const greeting = "220 VMware Authentication Daemon"
	b := c.First()
	switch {
	case hasPrefix(b, greeting):
		return Yes
	case couldBe(b, greeting):
		return NeedMore
	}
	return No
}

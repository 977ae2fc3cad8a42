// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// check-point-ha: messages between ClusterXL's members.
var checkPointHAProtocol = &dissect.Protocol{
	Name: "check-point-ha", Spec: "Check Point ClusterXL, control protocol", Category: "network",
	Members: []string{"check_point_ha.cluster", "check_point_ha.version"},
	Over:    dissect.UDP, Ports: []uint16{8116}, MinLength: 20, Inspect: inspectCheckPointHA,
}

// inspectCheckPointHA checks a member's message: magic number, version, cluster, operation. Both ports are the
// protocol's, and carry nothing else.
func inspectCheckPointHA(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const port, magic, lastOperation = 8116, 0x1a90, 0x0f
	b := c.Newest().Payload
	if c.Client.Port() != port || c.Server.Port() != port || len(b) < 20 || be16(b) != magic {
		return dissect.No
	}
	if operation := be16(b[6:]); operation == 0 || operation > lastOperation || be16(b[2:]) == 0 {
		return dissect.No
	}
	o := r.Object("check_point_ha")
	o.Int("version", int64(be16(b[2:])))
	o.Int("cluster", int64(be16(b[4:])))
	return dissect.Yes
}

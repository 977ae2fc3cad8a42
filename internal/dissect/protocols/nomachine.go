// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// nomachine: the NX daemon's identification, "NXSH-8.10.1" of the client and "NXD-8.10.1" of the server, then TLS.
var nomachineProtocol = &dissect.Protocol{
	Name:      "nomachine",
	Spec:      "NoMachine NX, as observed",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{4000},
	Start:     dissect.FirstBytes("NX"),
	MinLength: 6,
	Members:   []string{"nomachine.client_version", "nomachine.server_version", "tls.*"},
	Inspect:   inspectNoMachine,
}

func inspectNoMachine(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, afterClient, asked := cutLine(c.ToServer())
	server, afterServer, answered := cutLine(c.ToClient())
	if !couldBe(client, "NXSH-") || !couldBe(server, "NXD-") {
		return dissect.No
	}
	if !asked && !answered || len(client)+len(server) < 8 {
		return dissect.NeedMore
	}
	o := r.Object("nomachine")
	if asked {
		o.Text("client_version", client[min(len(client), len("NXSH-")):])
	}
	if answered {
		o.Text("server_version", server[min(len(server), len("NXD-")):])
	}
	return insideTLS(afterClient, afterServer, r)
}

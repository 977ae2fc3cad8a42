// SPDX-License-Identifier: Apache-2.0

package dissect

// nomachine: the NX daemon's identification, "NXSH-8.10.1" of the client and "NXD-8.10.1" of the server, then TLS.
var _ = register(Protocol{
	Name:      "nomachine",
	Spec:      "NoMachine NX, as observed",
	Category:  "remote-access",
	Over:      TCP,
	Ports:     []uint16{4000},
	Start:     Firsts("NX"),
	MinLength: 6,
	Inspect:   inspectNoMachine,
})

func inspectNoMachine(c *Conversation, r *Result) Verdict {
	client, afterClient, asked := cutLine(c.ToServer())
	server, afterServer, answered := cutLine(c.ToClient())
	if !couldBe(client, "NXSH-") || !couldBe(server, "NXD-") {
		return No
	}
	if !asked && !answered || len(client)+len(server) < 8 {
		return NeedMore
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

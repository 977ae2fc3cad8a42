// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Announcements on the local network by which an application finds its like: each is of one application.
var (
	_ = register(Protocol{
		Name: "dropbox", Spec: "Dropbox LAN sync discovery", Category: "file-sharing",
		Over: UDP, Ports: []uint16{17500}, Start: Firsts("{"), MinLength: 32, Inspect: inspectDropbox,
	})
	_ = register(Protocol{
		Name: "spotify", Spec: "Spotify client discovery", Category: "music-streaming",
		Over: UDP, Ports: []uint16{57621}, Start: Firsts(spotifyMagic), MinLength: 16, Inspect: inspectSpotify,
	})
	_ = register(Protocol{
		Name: "check-point-ha", Spec: "Check Point ClusterXL, control protocol", Category: "network",
		Over: UDP, Ports: []uint16{8116}, MinLength: 20, Inspect: inspectCheckPointHA,
	})
)

const spotifyMagic = "SpotUdp0"

// inspectDropbox wants the members of the announcement, which is one JSON object.
func inspectDropbox(c *Conversation, r *Result) Verdict {
	d := c.Newest()
	b := d.Payload
	if !hasPrefix(b, "{") || d.Length == len(b) && !bytes.HasSuffix(b, []byte("}")) {
		return No
	}
	for _, member := range []string{`"host_int":`, `"version":`, `"port":`} {
		if !bytes.Contains(b, []byte(member)) {
			return No
		}
	}
	if !bytes.Contains(b, []byte(`"displayname":`)) && !bytes.Contains(b, []byte(`"namespaces":`)) {
		return No
	}
	r.SetApplication("dropbox")
	return Yes
}

func inspectSpotify(c *Conversation, r *Result) Verdict {
	if !hasPrefix(c.Newest().Payload, spotifyMagic) {
		return No
	}
	r.SetApplication("spotify")
	return Yes
}

// inspectCheckPointHA checks a member's message: magic number, version, cluster, operation. Both ports are the protocol's, and
// nothing else is said between them.
func inspectCheckPointHA(c *Conversation, r *Result) Verdict {
	const port, magic, lastOperation = 8116, 0x1a90, 0x0f
	b := c.Newest().Payload
	if c.Client.Port() != port || c.Server.Port() != port || len(b) < 20 || be16(b) != magic {
		return No
	}
	if operation := be16(b[6:]); operation == 0 || operation > lastOperation || be16(b[2:]) == 0 {
		return No
	}
	o := r.Object("check_point_ha")
	o.Int("version", int64(be16(b[2:])))
	o.Int("cluster", int64(be16(b[4:])))
	return Yes
}

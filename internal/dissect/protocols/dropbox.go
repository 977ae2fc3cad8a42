// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// dropbox: LAN sync's announcement.
var dropboxProtocol = &dissect.Protocol{
	Name: "dropbox", Spec: "Dropbox LAN sync discovery", Category: "file-sharing",
	Over: dissect.UDP, Ports: []uint16{17500}, Start: dissect.FirstBytes("{"), MinLength: 32, Inspect: inspectDropbox,
}

// inspectDropbox wants the announcement's members in a single JSON object.
func inspectDropbox(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	b := d.Payload
	if !hasPrefix(b, "{") || d.Length == len(b) && !bytes.HasSuffix(b, []byte("}")) {
		return dissect.No
	}
	for _, member := range []string{`"host_int":`, `"version":`, `"port":`} {
		if !bytes.Contains(b, []byte(member)) {
			return dissect.No
		}
	}
	if !bytes.Contains(b, []byte(`"displayname":`)) && !bytes.Contains(b, []byte(`"namespaces":`)) {
		return dissect.No
	}
	r.SetApplication("dropbox")
	return dissect.Yes
}

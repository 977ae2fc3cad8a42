// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// ws-discovery: SOAP in datagrams, in the discovery namespace of 2005 or of OASIS's version 1.1.
var wsDiscoveryProtocol = &dissect.Protocol{
	Name:      "ws-discovery",
	Spec:      "OASIS WS-Discovery 1.1 §3, §4",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{3702},
	Start:     dissect.BytesOf('<', 0xef), // or UTF-8's byte order mark
	MinLength: 64,
	Members:   []string{"ws_discovery.action"},
	Inspect:   inspectWSDiscovery,
}

// wsdNamespaces are the namespaces before a message's kind: "…/discovery/Probe".
var wsdNamespaces = [...][]byte{
	[]byte("http://schemas.xmlsoap.org/ws/2005/04/discovery"),
	[]byte("http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01"),
}

// wsdActions are the last parts of the action URIs, §4 to §6.
var wsdActions = []string{"Hello", "Bye", "ProbeMatches", "Probe", "ResolveMatches", "Resolve"}

func inspectWSDiscovery(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := bytes.TrimPrefix(c.First(), []byte("\xef\xbb\xbf"))
	if len(b) == 0 || b[0] != '<' || !bytes.Contains(b, []byte("Envelope")) {
		return dissect.No
	}
	found := false
	for _, namespace := range wsdNamespaces {
		for rest := b; ; {
			at := bytes.Index(rest, namespace)
			if at < 0 {
				break
			}
			found = true
			rest = rest[at+len(namespace):]
			if len(rest) > 0 && rest[0] == '/' {
				for _, action := range wsdActions {
					if hasPrefix(rest[1:], action) {
						r.Object("ws_discovery").String("action", action)
						return dissect.Yes
					}
				}
			}
		}
	}
	if found {
		return dissect.Yes
	}
	return dissect.No
}

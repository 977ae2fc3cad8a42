// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// svn: the svn:// protocol's greeting and the client's answer (Subversion, libsvn_ra_svn/protocol §2.1).
var svnProtocol = &dissect.Protocol{
	Name:      "svn",
	Spec:      "Subversion ra_svn protocol §2.1",
	Category:  "developer",
	Over:      dissect.TCP,
	Ports:     []uint16{3690},
	Start:     dissect.FirstBytes("( "),
	MinLength: 8,
	Inspect:   inspectSVN,
}

func inspectSVN(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const greeting = "( success ( 2 2 ( "
	if !couldBe(c.ToClient(), greeting) || !couldBe(c.ToServer(), "( 2 ( ") {
		return dissect.No
	}
	if len(c.ToClient()) < len(greeting) {
		return dissect.NeedMore
	}
	// The URL is a string after its length: "34:svn://host/path".
	request := c.ToServer()
	if i := bytes.Index(request[:min(len(request), 512)], []byte("svn://")); i >= 0 {
		url := request[i+len("svn://"):]
		if end := bytes.IndexAny(url, "/ "); end > 0 {
			r.SetHost(cutPort(url[:end]))
			return dissect.Yes
		}
	}
	return dissect.YesMore
}

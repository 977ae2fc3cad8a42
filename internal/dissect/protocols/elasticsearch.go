// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// elasticsearch: the transport protocol between nodes: "ES", length, request, status, version. Clients speak HTTP
// instead.
var elasticsearchProtocol = &dissect.Protocol{
	Name:      "elasticsearch",
	Spec:      "Elasticsearch TcpHeader",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{9300},
	Start:     dissect.FirstBytes("ES"),
	MinLength: 6,
	Members:   []string{"elasticsearch.version"},
	Inspect:   inspectElasticsearch,
}

func inspectElasticsearch(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, longest, ping = 19, 1 << 28, 0xffffffff
	b := c.First()
	if !couldBe(b, "ES") || len(c.Second()) > 0 && !couldBe(c.Second(), "ES") {
		return dissect.No
	}
	if len(b) < header {
		if len(b) == 6 && ube32(b[2:]) == ping {
			return dissect.Yes
		}
		return dissect.NeedMore
	}
	// The version is decimal, 7060299 for 7.6.2: major, minor and revision of two digits, then the build, 99 for a
	// release. It grew to 8 digits with 8.0.
	const oldest, newest = 1000000, 99999999
	size, status, version := be32(b[2:]), b[14], be32(b[15:])
	if size < header-6 || size > longest || status > 0x0f || version < oldest || version > newest {
		return dissect.No
	}
	r.Object("elasticsearch").Int("version", int64(version))
	return dissect.Yes
}

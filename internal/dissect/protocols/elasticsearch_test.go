// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the header in Elasticsearch's source: length, request, status, version 7.6.2.
var (
	elasticsearchTalk = tcp(9300, CX("4553 00000014 0000000000000001 00 006bbb4b 0000000000 0000"))
)

func TestElasticsearch(t *testing.T) {
	wantProtocol(t, elasticsearchTalk, "elasticsearch", `"version":7060299`)
	wantProtocol(t, tcp(9300, CX("4553 ffffffff")), "elasticsearch")
	wantNot(t, tcp(9300, C("ESTABLISHED, said the man")), "elasticsearch")
	wantNot(t, tcp(9300, CX("4553 00000014 0000000000000001 ff 006bbb4b")), "elasticsearch")
	testTruncations(t, "elasticsearch", elasticsearchTalk, 19)
	wantNoAllocations(t, "elasticsearch", elasticsearchTalk)
}

func FuzzElasticsearch(f *testing.F) { fuzzTalks(f, "elasticsearch", elasticsearchTalk) }

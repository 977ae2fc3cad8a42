// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from zookeeper.jute.
var (
	zookeeperOpen = tcp(2181, CX("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 00"))
	zookeeperOkay = tcp(2181, C("ruok"), S("imok"))
)

func TestZooKeeper(t *testing.T) {
	wantProtocol(t, zookeeperOpen, "zookeeper", `"timeout_ms":30000`)
	wantProtocol(t, zookeeperOkay, "zookeeper")
	wantProtocol(t, tcp(4000, SX("00000025 00000000 00007530 0100000000000001 00000010 00000000000000000000000000000000 00")), "zookeeper")
	wantNot(t, tcp(2181, CX("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000011")), "zookeeper")
	wantNot(t, tcp(2181, C("ruok"), S("no, I am not\n")), "zookeeper")
	testTruncations(t, "zookeeper", zookeeperOpen, 32)
	testTruncations(t, "zookeeper", zookeeperOkay, 99)
	wantNoAllocations(t, "zookeeper", zookeeperOpen)
}

func FuzzZooKeeper(f *testing.F) { fuzzTalks(f, "zookeeper", zookeeperOpen, zookeeperOkay) }

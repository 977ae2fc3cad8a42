// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from zookeeper.jute.
var (
	zookeeperOpen = tcp(2181, CX("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 "+
		"00000000000000000000000000000000 00"))
	zookeeperOkay = tcp(2181, C("ruok"), S("imok"))
)

func TestZooKeeper(t *testing.T) {
	wantProtocol(t, zookeeperOpen, "zookeeper", `"timeout_ms":30000`)
	wantProtocol(t, zookeeperOkay, "zookeeper", `"command":"ruok"`)
	for _, port := range []uint16{2181, 4000} {
		for word, answer := range map[string]string{
			"ruok": "imok", "ruok\n": "imok", "isro": "rw", "srvr\r\n": "Zookeeper version: 3.8.0",
			"crst": "Connection stats reset.\n", "srst": "Server stats reset.\n",
			"cons": " /192.0.2.1:40000[0](queued=0,recved=1,sent=0)\n\n",
			"wchs": "0 connections watching 0 paths\nTotal watches:0\n", "dump": "SessionTracker dump:\n",
			"wchp": "wchp is not executed because it is not in the whitelist.\n",
			"mntr": "This ZooKeeper instance is not currently serving requests\n",
			"envi": "Environment:\nzookeeper.version=3.8.0", "conf": "clientPort=2181\n",
			"stat": "Zookeeper version: 3.8.0\n",
		} {
			k := tcp(port, C(word), S(answer))
			wantProtocol(t, k, "zookeeper", `"command":"`+word[:4]+`"`)
			testTruncations(t, "zookeeper", k, 99)
		}
	}
	wantNot(t, tcp(2181, C("isro"), S("rwx")), "zookeeper")
	wantNot(t, tcp(2181, C("cool"), S("imok")), "zookeeper")
	wantProtocol(t, tcp(4000, SX("00000025 00000000 00007530 0100000000000001 00000010 "+
		"00000000000000000000000000000000 00")), "zookeeper")
	wantNot(t, tcp(2181, CX("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000011")), "zookeeper")
	wantNot(t, tcp(2181, C("ruok"), S("no, I am not\n")), "zookeeper")
	testTruncations(t, "zookeeper", zookeeperOpen, 32)
	testTruncations(t, "zookeeper", zookeeperOkay, 99)
	wantNoAllocations(t, "zookeeper", zookeeperOpen)
}

func FuzzZooKeeper(f *testing.F) {
	fuzzTalks(f, "zookeeper", zookeeperOpen, zookeeperOkay,
		tcp(2181, C("wchp"), S("wchp is not executed because it is not in the whitelist.\n")))
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from clusterMsg's fields.
var redisClusterMeet = tcp(16379, CX("52436d62 00000800 0001 18eb 0002 0000 0000000000000001"))

func TestRedisCluster(t *testing.T) {
	wantProtocol(t, redisClusterMeet, "redis-cluster", `"message":"meet"`)
	wantNot(t, tcp(16379, CX("52436d62 00000004 0001 18eb 0002 0000")), "redis-cluster")
	wantNot(t, tcp(16379, CX("52436d62 00000800 0001 18eb 0102 0000")), "redis-cluster")
	testTruncations(t, "redis-cluster", redisClusterMeet, 14)
	wantNoAllocations(t, "redis-cluster", redisClusterMeet)
}

func FuzzRedisCluster(f *testing.F) { fuzzTalks(f, "redis-cluster", redisClusterMeet) }

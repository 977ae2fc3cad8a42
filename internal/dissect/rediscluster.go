// SPDX-License-Identifier: Apache-2.0

package dissect

// redis-cluster: the bus between the nodes of a Redis or Valkey cluster, at the port 10,000 above the clients'.
var _ = register(Protocol{
	Name:      "redis-cluster",
	Spec:      "Redis cluster specification: cluster bus; clusterMsg",
	Category:  "database",
	Over:      TCP,
	Ports:     []uint16{16379},
	Start:     Firsts(redisClusterMagic),
	MinLength: redisClusterHeader,
	Inspect:   inspectRedisCluster,
})

const (
	redisClusterMagic = "RCmb"
	// redisClusterHeader: "RCmb", length of all, version, base port, type.
	redisClusterHeader = 4 + 4 + 2 + 2 + 2
)

// redisClusterTypes are the messages: gossip, failover, and what is published.
var redisClusterTypes = [...]string{
	"ping", "pong", "meet", "fail", "publish", "failover-auth-request", "failover-auth-ack", "update", "mfstart", "module", "publish-shard",
}

func inspectRedisCluster(c *Conversation, r *Result) Verdict {
	return eitherStream(c, r, func(_ *Conversation, b []byte, r *Result) Verdict {
		if len(b) < redisClusterHeader {
			return moreIf(couldBe(b, redisClusterMagic))
		}
		kind := be16(b[12:])
		if !hasPrefix(b, redisClusterMagic) || be32(b[4:]) < redisClusterHeader || be16(b[8:]) > 2 || kind >= len(redisClusterTypes) {
			return No
		}
		r.Object("redis_cluster").String("message", redisClusterTypes[kind])
		return Yes
	})
}

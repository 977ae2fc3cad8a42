// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// redis-cluster: the bus between the nodes of a Redis or Valkey cluster, at 10,000 above the clients' port.
var redisClusterProtocol = &dissect.Protocol{
	Name:      "redis-cluster",
	Spec:      "Redis cluster specification: cluster bus; clusterMsg",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{16379},
	Start:     dissect.FirstBytes(redisClusterMagic),
	MinLength: redisClusterHeader,
	Members:   []string{"redis_cluster.message"},
	Inspect:   inspectRedisCluster,
}

const (
	redisClusterMagic = "RCmb"
	// redisClusterHeader is "RCmb", total length, version, base port, type.
	redisClusterHeader = 4 + 4 + 2 + 2 + 2
)

// redisClusterTypes are the messages: gossip, failover, and publications.
var redisClusterTypes = [...]string{
	"ping", "pong", "meet", "fail", "publish", "failover-auth-request", "failover-auth-ack", "update", "mfstart",
	"module", "publish-shard",
}

func inspectRedisCluster(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	return eitherStream(c, r, func(_ *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
		if len(b) < redisClusterHeader {
			return moreIf(couldBe(b, redisClusterMagic))
		}
		kind := be16(b[12:])
		if !hasPrefix(b, redisClusterMagic) || be32(b[4:]) < redisClusterHeader || be16(b[8:]) > 2 ||
			kind >= len(redisClusterTypes) {
			return dissect.No
		}
		r.Object("redis_cluster").String("message", redisClusterTypes[kind])
		return dissect.Yes
	})
}

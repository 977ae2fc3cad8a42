// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The exchanges are those of the RESP specification.
var (
	redisLen    = tcp(6379, C("*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n"), S(":48293\r\n"))
	redisPing   = tcp(6379, C("PING\r\n"), S("+PONG\r\n"))
	redisCredit = tcp(6379, C("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"), S("+OK\r\n"))
)

func TestRedis(t *testing.T) {
	wantProtocol(t, redisLen, "redis", `"command":"LLEN"`)
	wantProtocol(t, redisPing, "redis", `"command":"PING"`)
	if h := wantProtocol(t, redisCredit, "redis"); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	other := redisLen
	other.ServerPort = 4000
	wantProtocol(t, other, "redis")
	wantNot(t, tcp(6379, C("PING\r\n"), S("PONG\r\n")), "redis")
	wantNot(t, tcp(6379, C("*2\r\n$4\r\nLL\x01N\r\n")), "redis")
	wantNot(t, tcp(6379, C("*2\r\n#4\r\nLLEN\r\n")), "redis")
	testTruncations(t, "redis", redisLen, 14)
	testTruncations(t, "redis", redisPing, 99)
	wantNoAllocations(t, "redis", redisLen)
}

func FuzzRedis(f *testing.F) { fuzzTalks(f, "redis", redisLen, redisPing, redisCredit) }

// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The examples of StatsD's metric types, and DogStatsD's tags.
var (
	statsdTalk = udp(8125, C("api.requests:1|c|@0.1\nglork:320|ms"))
	statsdTags = udp(40000, C("page.views:1|c|#environment:dev,region:eu\n"))
)

func TestStatsD(t *testing.T) {
	wantProtocol(t, statsdTalk, "statsd", `"metric":"api.requests"`)
	wantProtocol(t, statsdTags, "statsd", `"metric":"page.views"`)
	wantProtocol(t, udp(8125, C("gaugor:+4|g\nuniques:anna|s\n")), "statsd")
	wantNot(t, udp(8125, C("gaugor:four|g")), "statsd")
	wantNot(t, udp(8125, C("gaugor:4|x")), "statsd")
	wantNot(t, udp(8125, C("api requests:1|c")), "statsd")
	for _, k := range []talk{statsdTalk, statsdTags} {
		testTruncations(t, "statsd", k, statsdShortest)
		wantNoAllocations(t, "statsd", k)
	}
}

func FuzzStatsD(f *testing.F) { fuzzTalks(f, "statsd", statsdTalk, statsdTags) }

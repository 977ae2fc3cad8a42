// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The commands and answers of protocol.txt.
var (
	beanstalkdPut     = tcp(11300, C("put 0 0 60 5\r\nhello\r\n"), S("INSERTED 1\r\n"))
	beanstalkdReserve = tcp(4000, C("watch mail\r\n"), S("WATCHING 2\r\n"), C("reserve\r\n"),
		S("RESERVED 1 5\r\nhello\r\n"))
)

func TestBeanstalkd(t *testing.T) {
	wantProtocol(t, beanstalkdPut, "beanstalkd", `"command":"put"`)
	wantProtocol(t, beanstalkdReserve, "beanstalkd", `"command":"watch"`)
	wantProtocol(t, tcp(11300, C("stats\r\n"), S("OK 923\r\n---\n")), "beanstalkd")
	wantProtocol(t, tcp(11300, C("use mail\r\n"), S("USING mail\r\n")), "beanstalkd")
	wantNot(t, tcp(11300, C("put it there\r\n"), S("INSERTED 1\r\n")), "beanstalkd")
	wantNot(t, tcp(11300, C("stats\r\n"), S("OK then\r\n")), "beanstalkd")
	wantNot(t, tcp(11300, C("use mail\r\n"), S("no\r\n")), "beanstalkd")
	for _, k := range []talk{beanstalkdPut, beanstalkdReserve} {
		testTruncations(t, "beanstalkd", k, 99)
		wantNoAllocations(t, "beanstalkd", k)
	}
}

func FuzzBeanstalkd(f *testing.F) { fuzzTalks(f, "beanstalkd", beanstalkdPut, beanstalkdReserve) }

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/http"
)

// insideTLS reads the TLS that a conversation switched to, as after CONNECT: toServer and toClient are the bytes from
// there on. The flow keeps the outer protocol's name.
func insideTLS(toServer, toClient []byte, r *dissect.Result) dissect.Verdict {
	ok, complete := tlsFields(r, toServer, toClient)
	if complete || !ok && len(toServer) > 5 && skipLines(toServer[:2]) == nil {
		return dissect.Yes // all read, or no TLS (§5.1: a record's header has 5 bytes)
	}
	return dissect.YesMore
}

// insideProxy is insideTLS for a proxy that carries any protocol: for HTTP it writes the host and the other fields too.
func insideProxy(toServer, toClient []byte, r *dissect.Result) dissect.Verdict {
	var q, a http.Head
	asked, answered := http.ParseRequest(toServer, &q), parseHTTPResponse(toClient, &a)
	switch {
	case len(toServer) == 0 || asked == http.Partial:
		return dissect.YesMore
	case asked != http.Valid:
		return insideTLS(toServer, toClient, r)
	}
	var f httpFacts
	f.readRequest(&q)
	f.readResponse(&a)
	f.describe(&q, &a, toServer[q.Size:], toClient[a.Size:], r)
	return moreOrYes(q.Size == 0 || a.Size == 0 && answered != http.Invalid)
}

// afterSTARTTLS is insideTLS for line protocols: TLS begins at the first line that is a handshake record.
func afterSTARTTLS(toServer, toClient []byte, r *dissect.Result) dissect.Verdict {
	toServer, toClient = skipLines(toServer), skipLines(toClient)
	if toServer == nil {
		return dissect.YesMore
	}
	return insideTLS(toServer, toClient, r)
}

// skipLines returns b from the first line that begins with a TLS handshake record (RFC 8446 §5.1), nil if none does
// yet.
func skipLines(b []byte) []byte {
	for len(b) > 0 {
		if b[0] == 0x16 && (len(b) == 1 || b[1] == 3) {
			return b
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil
		}
		b = b[end+1:]
	}
	return nil
}

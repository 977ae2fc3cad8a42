// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/wire/http"
)

// isIcecastSource reports whether a request has the source client's own version.
func isIcecastSource(request []byte) bool {
	line, _, whole := cutLine(request)
	return whole && hasPrefix(line, "SOURCE /") && bytes.HasSuffix(line, []byte(" ICE/1.0"))
}

// isIcecast reports whether an HTTP exchange is audio streaming, by the source client's method or the old servers'
// answer.
func isIcecast(q *http.Head, responseBody []byte) bool {
	return hasPrefix(responseBody, "ICY 200 OK") || string(q.Method) == "SOURCE"
}

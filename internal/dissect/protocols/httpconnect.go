// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/wire/http"

// isHTTPConnect says whether a request asks for a tunnel (RFC 9110 §9.3.6).
func isHTTPConnect(q *http.Head) bool { return string(q.Method) == "CONNECT" }

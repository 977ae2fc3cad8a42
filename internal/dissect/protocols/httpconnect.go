// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/wire/http"

// isHTTPConnect reports whether a request opens a tunnel (RFC 9110 §9.3.6).
func isHTTPConnect(q *http.Head) bool { return string(q.Method) == "CONNECT" }

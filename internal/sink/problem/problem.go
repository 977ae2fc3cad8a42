// SPDX-License-Identifier: Apache-2.0

// Package problem writes the sink's errors for programs: RFC 9457, application/problem+json.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/uplink"
)

// Write answers with a problem of that status.
func Write(w http.ResponseWriter, status int, detail string) {
	WriteType(w, status, "", detail)
}

// WriteType answers with a problem of a type.
func WriteType(w http.ResponseWriter, status int, typ, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(uplink.Problem{Type: typ, Title: http.StatusText(status), Status: status,
		Detail: detail}) // the client may be gone
}

// Retry says after which time another try makes sense, in whole seconds.
func Retry(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
}

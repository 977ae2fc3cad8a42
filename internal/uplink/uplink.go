// SPDX-License-Identifier: Apache-2.0

// Package uplink is the language between an agent and its sink: paths, bodies, answers, the signature of a request and
// the enrolment code. docs/UPLINK.md describes it for other implementations.
package uplink

import "time"

// Paths of a sink.
const (
	ReportsPath = "/v1/reports" // POST reports, a line each, oldest first
	EnrolPath   = "/v1/enrol"   // POST Enrolment
)

// Limits of a request with reports. A sink answers 413 over the first four.
const (
	MaxBody      = 8 << 20  // bytes as sent
	MaxReports   = 32 << 20 // bytes after decompression
	MaxRatio     = 100      // of the two, past the first MiB
	MaxCount     = 64       // reports
	MaxWindow    = 8 << 20  // of zstd, in bytes
	MaxDepth     = 32       // nested JSON values
	MaxText      = 4 << 10  // bytes of a JSON string
	MaxClockSkew = 5 * time.Minute
)

// ContentType is that of a request with reports.
const ContentType = "application/x-ndjson"

// Reports is the answer to reports.
type Reports struct {
	// Reports has a Receipt for each report, in the order in which they came.
	Reports []Receipt `json:"reports"`
	// WholeFlows requests that the agent's next report has its flows whole: the sink does not know them.
	WholeFlows bool `json:"whole_flows,omitempty"`
}

// Receipt says what a sink did with a report.
type Receipt struct {
	Epoch    string `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Result   Result `json:"result"`
	// Reason says why a report is refused.
	Reason string `json:"reason,omitempty"`
}

// Result is the fate of a report.
type Result string

// The results. After each of them the agent may forget the report; a refused one will never be taken.
const (
	Stored    Result = "stored" // it is on the sink's disk
	Duplicate Result = "duplicate"
	Refused   Result = "refused"
)

// Enrolment is the request by which an agent joins a sink. The agent's key signs it.
type Enrolment struct {
	Code      string `json:"code"`
	PublicKey []byte `json:"public_key"` // Ed25519, 32 bytes; base64 in JSON
	Name      string `json:"name"`       // of the gateway, at most 64 bytes
	Version   string `json:"version"`    // of the agent
}

// Enrolled is the answer to it.
type Enrolled struct {
	Agent string `json:"agent"` // AgentID of the key
	Name  string `json:"name"`
}

// Problem is the body of every other answer (RFC 9457, application/problem+json).
type Problem struct {
	Type   string `json:"type,omitempty"` // one of the types below, or absent
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// Types of problems that a program acts upon.
const (
	// ProblemClock: the request's time is too far from the sink's, which is in the header Date.
	ProblemClock = "urn:weir:problem:clock"
	// ProblemUnknownAgent: the agent has not enrolled, or was revoked.
	ProblemUnknownAgent = "urn:weir:problem:unknown-agent"
)

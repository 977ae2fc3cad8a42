// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/weirnet/weir/internal/sink/agents"
	"github.com/weirnet/weir/internal/sink/problem"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/uplink"
)

// Registry takes new agents.
type Registry interface {
	Enrol(c uplink.Code, key ed25519.PublicKey, version string) (agents.Agent, error)
}

// Enrol is the handler of uplink.EnrolPath.
type Enrol struct {
	registry Registry
	counters *status.Counters
	now      func() time.Time
	limiter  *limiter // of all requests together
	memory   budget
}

const (
	maxEnrolment = 4 << 10 // bytes
	maxVersion   = 64
	enrolMemory  = 4 << 20
)

// NewEnrol returns an Enrol.
func NewEnrol(registry Registry, counters *status.Counters, now func() time.Time) *Enrol {
	return &Enrol{registry: registry, counters: counters, now: now, limiter: newLimiter(now),
		memory: budget{most: enrolMemory}}
}

// ServeHTTP takes an enrolment.
func (e *Enrol) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, no := e.serve(w, r)
	reply(w, e.counters, answer, no)
}

func (e *Enrol) serve(w http.ResponseWriter, r *http.Request) (*uplink.Enrolled, *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &refusal{http.StatusMethodNotAllowed, status.CauseMethod, "", "an agent enrols with POST", 0}
	}
	if wait := e.limiter.take(""); wait > 0 {
		return nil, &refusal{http.StatusTooManyRequests, status.CauseRate, "", "too many agents enrol at once", wait}
	}
	body := buffer{budget: &e.memory}
	defer body.release()
	slow := &slowReader{in: r.Body, control: http.NewResponseController(w), pause: readPause,
		end: time.Now().Add(readPause)}
	switch err := body.fill(slow, maxEnrolment); {
	case errors.Is(err, errSize):
		return nil, tooLarge(fmt.Sprintf("the body has more than %d bytes", maxEnrolment))
	case errors.Is(err, errMemory):
		return nil, busy("too many agents enrol at once")
	case err != nil:
		return nil, &refusal{http.StatusRequestTimeout, status.CauseRead, "",
			"the body broke off, or came too slowly", 0}
	}
	return e.enrol(r, body.b)
}

func (e *Enrol) enrol(r *http.Request, body []byte) (*uplink.Enrolled, *refusal) {
	var m uplink.Enrolment
	if err := json.Unmarshal(body, &m); err != nil || len(m.PublicKey) != ed25519.PublicKeySize ||
		len(m.Version) > maxVersion || (m.Name != "" && agents.CheckName(m.Name) != nil) {
		return nil, &refusal{http.StatusBadRequest, status.CauseMalformed, "", "the body is no enrolment", 0}
	}
	switch err := uplink.Verify(r, m.PublicKey, e.now(), body); {
	case errors.Is(err, uplink.ErrClockSkew):
		return nil, clockSkew(err)
	case err != nil:
		return nil, &refusal{http.StatusUnauthorized, status.CauseSignature, "", err.Error(), 0}
	}
	code, err := uplink.ParseCode(m.Code)
	if err != nil {
		return nil, wrongCode()
	}
	a, err := e.registry.Enrol(code, m.PublicKey, m.Version)
	switch {
	case errors.Is(err, agents.ErrCode):
		return nil, wrongCode()
	case err != nil:
		return nil, &refusal{http.StatusServiceUnavailable, status.CauseQueue, "", "the sink can't keep the agent",
			retryQueue}
	}
	return &uplink.Enrolled{Agent: a.ID, Name: a.Name}, nil
}

// wrongCode is the same answer whatever is wrong with a code.
func wrongCode() *refusal {
	return &refusal{http.StatusForbidden, status.CauseCode, "", agents.ErrCode.Error(), 0}
}

// NotFound answers for all other paths.
func NotFound(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, http.StatusNotFound, "a sink has "+uplink.ReportsPath+" and "+uplink.EnrolPath)
}

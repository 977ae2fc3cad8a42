// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirnet/weir/internal/filter"
)

// Problem is the body of every answer that is an error (RFC 9457).
type Problem struct {
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail,omitempty" doc:"what is wrong, and what is expected"`
	Errors []Mistake `json:"errors,omitempty" doc:"mistakes in the request's parameters"`
}

// Mistake is one mistake in a request.
type Mistake struct {
	Location string `json:"location" doc:"the parameter, such as query.filter"`
	Message  string `json:"message"`
	Position *int   `json:"position,omitempty" doc:"of a filter: the characters before the mistake"`
}

const problemType = "application/problem+json"

// statusClientClosed is nginx's status for a request that its client gave up; only logs see it.
const statusClientClosed = 499

func (p *Problem) Error() string { return p.Detail }

// GetStatus and ContentType are called by huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problems, whatever the client asked for.
func (p *Problem) ContentType(string) string { return problemType }

// Problems of huma's own checks have our form, too. huma has one form for all APIs of a program.
func init() {
	huma.NewError = newProblem
	huma.DefaultArrayNullable = false
}

func problem(status int, detail string) *Problem {
	title := http.StatusText(status)
	if title == "" {
		title = "Status " + strconv.Itoa(status)
	}
	return &Problem{Title: title, Status: status, Detail: detail}
}

func newProblem(status int, detail string, errs ...error) huma.StatusError {
	p := problem(status, detail)
	for _, err := range errs {
		if err == nil {
			continue
		}
		m := Mistake{Message: err.Error()}
		var detailed huma.ErrorDetailer
		if errors.As(err, &detailed) {
			d := detailed.ErrorDetail()
			m = Mistake{Location: d.Location, Message: d.Message}
		}
		p.Errors = append(p.Errors, m)
	}
	if status == http.StatusUnprocessableEntity && len(p.Errors) > 0 {
		p.Detail = details(p.Errors)
	}
	return p
}

// details says in a line what the mistakes are.
func details(all []Mistake) string {
	lines := make([]string, len(all))
	for i, m := range all {
		_, name, _ := strings.Cut(m.Location, ".")
		lines[i] = m.Message
		if name != "" && !strings.HasPrefix(m.Message, name) {
			lines[i] = name + ": " + m.Message
		}
	}
	return strings.Join(lines, "; ")
}

// mistake returns the problem of a mistaken parameter.
func mistake(parameter, message string) *Problem {
	p := problem(http.StatusUnprocessableEntity, message)
	p.Errors = []Mistake{{Location: "query." + parameter, Message: message}}
	return p
}

// filterMistake returns the problem of a mistaken filter.
func filterMistake(err error) *Problem {
	p := mistake("filter", err.Error())
	var of *filter.Error
	if errors.As(err, &of) {
		p.Errors[0].Message, p.Errors[0].Position = of.Message, &of.Position
	}
	return p
}

// busy returns a problem that a later try may not have.
func busy(detail string) error {
	return huma.ErrorWithHeaders(problem(http.StatusServiceUnavailable, detail), http.Header{"Retry-After": {"5"}})
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

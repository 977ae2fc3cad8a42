// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// checkParameters refuses parameters that an operation does not have, has twice, or that have another value than its
// specification allows, and says what is allowed. huma checks the same, in words for programs.
func checkParameters(ctx huma.Context, next func(huma.Context)) {
	u := ctx.URL()
	if mistakes := parameterMistakes(ctx.Operation(), u.RawQuery); len(mistakes) > 0 {
		p := problem(http.StatusUnprocessableEntity, details(mistakes))
		p.Errors = mistakes
		_, w := humago.Unwrap(ctx)
		writeProblem(w, p)
		return
	}
	next(ctx)
}

func parameterMistakes(op *huma.Operation, query string) (mistakes []Mistake) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return []Mistake{{Location: "query",
			Message: "the address's part after ? has a broken escape; % is written %25"}}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxMistakes)] {
		if message := parameterMistake(op, name, values[name]); message != "" {
			mistakes = append(mistakes, Mistake{Location: "query." + name, Message: message})
		}
	}
	return mistakes
}

// maxMistakes bounds the parameters that are looked at: no operation has so many.
const maxMistakes = 16

func parameterMistake(op *huma.Operation, name string, values []string) string {
	i := slices.IndexFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
	switch {
	case i < 0:
		return fmt.Sprintf("there is no parameter %q here; %s", name, parameterNames(op))
	case len(values) > 1:
		return name + " is there twice; once is expected"
	case values[0] == "":
		return ""
	}
	return valueMistake(name, values[0], op.Parameters[i].Schema)
}

func parameterNames(op *huma.Operation) string {
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "none is expected"
	}
	return "expected are " + strings.Join(names, ", ")
}

// valueMistake checks a value by its schema: numbers with bounds, choices and lengths. Patterns are huma's.
func valueMistake(name, value string, s *huma.Schema) string {
	switch {
	case s.Type == huma.TypeInteger:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || float64(n) < *s.Minimum || float64(n) > *s.Maximum {
			return fmt.Sprintf("%s expects a whole number from %g to %g", name, *s.Minimum, *s.Maximum)
		}
	case len(s.Enum) > 0:
		if !slices.Contains(s.Enum, any(value)) {
			return fmt.Sprintf("%s expects one of %s", name, choices(s.Enum))
		}
	case s.MaxLength != nil && len(value) > *s.MaxLength:
		return fmt.Sprintf("%s expects at most %d characters", name, *s.MaxLength)
	}
	return ""
}

func choices(all []any) string {
	texts := make([]string, len(all))
	for i, c := range all {
		texts[i] = fmt.Sprint(c)
	}
	return strings.Join(texts, ", ")
}

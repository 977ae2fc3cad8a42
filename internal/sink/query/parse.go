// SPDX-License-Identifier: Apache-2.0

// Package query is the terminal's way to ask a sink: `top app since 1h where device:@ben`. It makes a request to the
// sink's API from the words, and prints the answer as a table.
package query

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/store"
)

// Query is a question to the API.
type Query struct {
	Subject    string // the API's path: top, series, flows, devices or agents
	Parameters url.Values
}

// Path returns the path and parameters of the request.
func (q *Query) Path() string {
	path := api.Prefix + q.Subject
	if len(q.Parameters) > 0 {
		path += "?" + q.Parameters.Encode()
	}
	return path
}

// clauses are the words that take a value, by subject.
var clauses = map[string][]string{
	"top":     {"since", "from", "to", "limit", "sort", "where"},
	"series":  {"since", "from", "to", "limit", "step", "where"},
	"flows":   {"since", "from", "to", "limit", "where"},
	"devices": {"since", "from", "to", "limit", "agent"},
	"agents":  {},
}

// dimensions are what top and series group by, with other words for them.
var dimensions = map[string]store.Dimension{
	"app": store.ByApplication, "apps": store.ByApplication, "application": store.ByApplication,
	"applications": store.ByApplication, "proto": store.ByProtocol, "protos": store.ByProtocol,
	"protocol": store.ByProtocol, "protocols": store.ByProtocol, "category": store.ByCategory,
	"categories": store.ByCategory, "device": store.ByDevice, "devices": store.ByDevice, "host": store.ByHost,
	"hosts": store.ByHost, "net": store.ByNetwork, "nets": store.ByNetwork, "network": store.ByNetwork,
	"networks": store.ByNetwork, "port": store.ByPort, "ports": store.ByPort, "direction": store.ByDirection,
	"directions": store.ByDirection, "country": store.ByCountry, "countries": store.ByCountry, "asn": store.ByASN,
	"asns": store.ByASN, "as": store.ByASN, "agent": store.ByAgent, "agents": store.ByAgent,
}

const (
	subjectNames   = "top, series, flows, devices or agents"
	dimensionNames = "app, proto, category, device, host, net, port, direction, country, asn or agent"
)

// Parse reads a question. The API checks the values.
func Parse(text string) (*Query, error) {
	word, rest := nextWord(text)
	q := &Query{Subject: strings.ToLower(word), Parameters: url.Values{}}
	allowed, ok := clauses[q.Subject]
	if !ok {
		return nil, fmt.Errorf("%q: a query begins with %s", word, subjectNames)
	}
	if q.Subject == "top" || q.Subject == "series" {
		if word, after := nextWord(rest); word != "" && !slices.Contains(allowed, strings.ToLower(word)) {
			by, ok := dimensions[strings.ToLower(word)]
			if !ok {
				return nil, fmt.Errorf("%q: %s takes %s, then %s", word, q.Subject, dimensionNames, or(allowed))
			}
			q.Parameters.Set("by", string(by))
			rest = after
		}
	}
	return q, q.parseClauses(rest, allowed)
}

func (q *Query) parseClauses(rest string, allowed []string) error {
	for {
		word, after := nextWord(rest)
		if word == "" {
			return nil
		}
		name := strings.ToLower(word)
		if !slices.Contains(allowed, name) {
			if len(allowed) == 0 {
				return fmt.Errorf("%q: nothing follows %s", word, q.Subject)
			}
			return fmt.Errorf("%q: %s takes %s", word, q.Subject, or(allowed))
		}
		parameter, value := name, ""
		if name == "where" { // all the rest
			parameter, value, rest = "filter", strings.TrimSpace(after), ""
		} else {
			value, rest = nextWord(after)
		}
		if value == "" {
			return fmt.Errorf("%s: a value is missing", name)
		}
		if q.Parameters.Has(parameter) {
			return fmt.Errorf("%s: once is enough", name)
		}
		q.Parameters.Set(parameter, value)
	}
}

// nextWord returns the first word, and what follows it.
func nextWord(text string) (word, rest string) {
	text = strings.TrimSpace(text)
	if i := strings.IndexAny(text, " \t\n\r"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// or lists alternatives.
func or(list []string) string {
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

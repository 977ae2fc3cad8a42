// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/uplink"
)

var agentID = strings.Repeat("0a", 16)

// TestEnvelope: a report is read, and each thing that a report can't have is refused by its name.
func TestEnvelope(t *testing.T) {
	whole := line(agentID, 12)
	e, err := readEnvelope([]byte(whole))
	if err != nil || e != (envelope{agentID, fmt.Sprintf("%032x", 7), 12}) {
		t.Fatalf("%+v %v", e, err)
	}
	with := func(value string) string { return strings.Replace(whole, `"flows":[]`, `"flows":[`+value+`]`, 1) }
	nested := func(n int) string { return with(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	objects := func(n int) string { return with(strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)) }
	text := func(s string) string { return with(`"` + s + `"`) }
	change := func(from, to string) string {
		if !strings.Contains(whole, from) {
			t.Fatalf("%q is not in the report", from)
		}
		return strings.Replace(whole, from, to, 1)
	}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"m%d":0,`, i)
		}
		return change(`"type"`, b.String()+`"type"`)
	}
	for _, c := range []struct {
		name, line string
		want       error
	}{
		{"deep", nested(uplink.MaxDepth - 2), nil},
		{"too deep", nested(uplink.MaxDepth - 1), errDepth},
		{"deep objects", objects(uplink.MaxDepth - 2), nil},
		{"objects too deep", objects(uplink.MaxDepth - 1), errDepth},
		{"a million levels", nested(1_000_000), errDepth},
		{"a long text", text(strings.Repeat("x", uplink.MaxText)), nil},
		{"a text too long", text(strings.Repeat("x", uplink.MaxText+1)), errText},
		{"escapes", text(`\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00`), nil},
		{"other letters", text("é\U0001F600"), nil},
		{"NUL", text("\x00"), errNUL},
		{"an escaped NUL", text(`\u0000`), errNUL},
		{"a control character", text("\x01"), errSyntax},
		{"no UTF-8", text("\xff"), errUTF8},
		{"UTF-8 cut off", text("\xe2\x82"), errUTF8},
		{"half a pair", text(`\ud83d`), errSurrogate},
		{"half a pair and more", text(`\ud83d\u0041`), errSurrogate},
		{"the other half", text(`\ude00`), errSurrogate},
		{"no escape", text(`\x`), errSyntax},
		{"an escape cut off", text(`\u12`), errSyntax},
		{"a large number", with("18446744073709551615"), nil},
		{"a negative number", with("-1"), nil},
		{"a number too large", with(strings.Repeat("9", 21)), errNumber},
		{"an exponent", with("1e999999"), errNumber},
		{"a part", with("1.5"), errNumber},
		{"a leading zero", with("01"), errSyntax},
		{"words", with("true,false,null"), nil},
		{"no word", with("nul"), errSyntax},
		{"a comma too many", with("1,"), errSyntax},
		{"no value", with(`{"a":}`), errSyntax},
		{"no name", with(`{1:1}`), errSyntax},
		{"closed by another", with(`[1}`), errSyntax},
		{"more after the end", whole + "{}", errSyntax},
		{"space around", " \t" + whole + "\r ", nil},
		{"a member twice", change(`"type"`, `"sequence":1,"type"`), errTwice},
		{"an agent's member twice", change(`"version"`, `"id":"x","version"`), errTwice},
		{"a period's member twice", change(`"begin_m`, `"end":"x","begin_m`), errTwice},
		{"a hidden name", change(`"type"`, `"\u0065poch":1,"type"`), errEscape},
		{"a member more", change(`"type"`, `"new":{"a":1},"type"`), nil},
		{"many members", many(maxMembers - 11), nil},
		{"too many members", many(maxMembers), errMembers},
		{"an array", "[]", errSyntax},
		{"nothing", "", errSyntax},
	} {
		if _, err := readEnvelope([]byte(c.line)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for name, spoiled := range map[string]string{
		"another type":         change(`"report"`, `"flow"`),
		"another schema":       change(`"schema":1`, `"schema":2`),
		"no schema":            change(`"schema":1,`, ""),
		"a schema of text":     change(`"schema":1`, `"schema":"1"`),
		"no agent":             change(`"agent"`, `"agents"`),
		"an agent of text":     change(`{"id":"`+agentID+`","version":"test"}`, `"x"`),
		"an agent in capitals": change(agentID, strings.ToUpper(agentID)),
		"a short agent":        change(agentID, agentID[1:]),
		"no epoch":             change(`"epoch"`, `"epochs"`),
		"a number as epoch":    change(fmt.Sprintf(`"%032x"`, 7), "7"),
		"sequence 0":           change(`"sequence":12`, `"sequence":0`),
		"sequence -1":          change(`"sequence":12`, `"sequence":-1`),
		"sequence 2^63":        change(`"sequence":12`, `"sequence":9223372036854775808`),
		"no period":            change(`"period"`, `"periods"`),
		"a period of text":     change(`"2027-01-15T08:00:15.000000000Z"`, `"today"`),
		"a number as begin":    change(`"2027-01-15T08:00:00.000000000Z"`, `1`),
	} {
		var s schemaError
		if e, err := readEnvelope([]byte(spoiled)); !errors.As(err, &s) {
			t.Errorf("%s: %+v %v", name, e, err)
		}
	}
	for cut := range len(whole) {
		if _, err := readEnvelope([]byte(whole[:cut])); !errors.Is(err, errSyntax) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

// FuzzEnvelope: what is taken is JSON, and has in Go's reader the same envelope.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(line(agentID, 12)))
	f.Add([]byte(`{"type":"report","a":[{"b":[1,-2,true,null,"\ud83d\ude00"]},{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := readEnvelope(b)
		if errors.Is(err, errSyntax) && json.Valid(b) && strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
			t.Errorf("%q is JSON", b)
		}
		if err != nil {
			return
		}
		var same struct {
			Type  string `json:"type"`
			Agent struct {
				ID string `json:"id"`
			} `json:"agent"`
			Epoch    string `json:"epoch"`
			Sequence uint64 `json:"sequence"`
		}
		if !json.Valid(b) {
			t.Errorf("%q is no JSON", b)
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		for name, to := range map[string]any{"type": &same.Type, "agent": &same.Agent, "epoch": &same.Epoch,
			"sequence": &same.Sequence} {
			if name == "agent" {
				var agent map[string]json.RawMessage
				_ = json.Unmarshal(all[name], &agent)
				_ = json.Unmarshal(agent["id"], &same.Agent.ID)
				continue
			}
			_ = json.Unmarshal(all[name], to)
		}
		if same.Agent.ID != e.agent || same.Epoch != e.epoch || same.Sequence != e.sequence || same.Type != "report" {
			t.Errorf("%q is read as %+v and %+v", b, e, same)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestSchemaNames: the types' texts and the schema's lists agree.
func TestSchemaNames(t *testing.T) {
	type property struct {
		Enum       []string
		Const      string
		Properties map[string]property
	}
	var schema struct {
		Properties map[string]json.RawMessage
		Defs       map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	read := func(raw json.RawMessage) (p property) {
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name        string
		texts, want []string
	}{
		{"state", stateTexts[:], read(schema.Properties["state"]).Enum},
		{"end_reason", endReasonTexts[:], read(schema.Properties["end_reason"]).Enum},
		{"direction", directionTexts[:], read(schema.Properties["direction"]).Enum},
		{"nat kind", natKindTexts[:], read(schema.Properties["nat"]).Properties["kind"].Enum},
		{"side", sideTexts[:], read(schema.Defs["end"]).Properties["side"].Enum},
		{"method", methodTexts[:], read(schema.Properties["method"]).Enum},
		{"application_method", applicationMethodTexts[:], read(schema.Properties["application_method"]).Enum},
		{"hostname_method", hostnameMethodTexts[:], []string{read(schema.Properties["hostname_method"]).Const}},
	} {
		got := slices.DeleteFunc(slices.Sorted(slices.Values(c.texts)), func(s string) bool { return s == "" })
		if want := slices.Sorted(slices.Values(c.want)); !slices.Equal(got, want) {
			t.Errorf("%s: the type has %q, the schema %q", c.name, got, want)
		}
	}
}

// TestUnknownValues: a value without a text is absent, as the zero value is.
func TestUnknownValues(t *testing.T) {
	if s := State(200).String() + EndReason(200).String() + Side(200).String() + Risk(200).String(); s != "" {
		t.Errorf("%q", s)
	}
}

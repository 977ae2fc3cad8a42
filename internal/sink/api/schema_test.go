// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// specified returns the schema of a name in the committed OpenAPI document.
func specified(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../../gen/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// checkSpecified holds an answer against its schema.
func checkSpecified(t *testing.T, h http.Handler, path, name string) {
	t.Helper()
	_, body := get(t, h, path)
	answer, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(body)))
	if err == nil {
		err = specified(t, name).Validate(answer)
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", path, err, body)
	}
}

// TestAnswersAreAsSpecified: the answers to empty questions; those of a real store have a test of their own.
func TestAnswersAreAsSpecified(t *testing.T) {
	h := New(&fakeStore{}, nil, nil)
	for path, name := range map[string]string{"top": "TopAnswer", "series": "SeriesAnswer", "flows": "FlowsAnswer",
		"devices": "DevicesAnswer", "agents": "AgentsAnswer", "top?x=1": "Problem", "nothing": "Problem"} {
		checkSpecified(t, h, path, name)
	}
	if specified(t, "TopAnswer").Validate(map[string]any{"rows": []any{}}) == nil {
		t.Error("the schemas allow anything")
	}
}

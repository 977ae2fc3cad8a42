// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

var update = flag.Bool("update", false, "write the expected output of testdata/*.pcap anew")

// captures returns the recordings of testdata.
func captures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/*.pcap")
	if err != nil || len(files) < 40 {
		t.Fatalf("testdata holds %d captures (%v)", len(files), err)
	}
	return files
}

func config(t testing.TB) engine.Config {
	t.Helper()
	apps, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return engine.Config{
		TCPHealth: true, Classifier: classify.New(apps), Protocols: dissect.NewTable(protocols.All()),
		OnPanic: func(protocol string, _ *dissect.Conversation, cause any) {
			t.Errorf("%s panicked: %v", protocol, cause)
		},
	}
}

// replay runs a capture through a pipeline of n workers and returns its NDJSON.
func replay(t testing.TB, file string, n int) []byte {
	t.Helper()
	r, err := pcapfile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []byte
	p := engine.NewPipeline(config(t), n, 0, func(f *record.Flow) error {
		out = append(f.AppendJSON(out), '\n')
		return nil
	})
	var in pcapfile.Frame
	known := 0
	for r.Next(&in) == nil {
		for ; known <= in.Interface; known++ {
			p.AddInterface(r.Interfaces()[known].Name)
		}
		p.Frame(&engine.Frame{
			Data: in.Data, Length: in.Length, Time: in.Time, Interface: uint16(in.Interface),
			Link: r.Interfaces()[in.Interface].LinkType,
		})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGolden compares the output of every recording with the golden file, byte by byte, with one worker and with three.
func TestGolden(t *testing.T) {
	for _, file := range captures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := replay(t, file, 1)
			golden := strings.TrimSuffix(file, ".pcap") + ".ndjson"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (make it with go test ./internal/engine -run Golden -update)", err)
			}
			compareLines(t, got, want)
			if other := replay(t, file, 3); !bytes.Equal(other, got) {
				t.Error("the records of three workers differ from those of one")
			}
		})
	}
}

func compareLines(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("line %d\n got: %s\nwant: %s", i+1, a, b)
		}
	}
}

func compileSchema(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchema validates every record of every recording against the JSON Schema, and shows that the schema can refuse.
func TestSchema(t *testing.T) {
	schema := compileSchema(t, record.Schema)
	for _, file := range captures(t) {
		for _, line := range bytes.Split(bytes.TrimSpace(replay(t, file, 1)), []byte("\n")) {
			record, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err != nil {
				t.Fatalf("%s: %v: %s", file, err, line)
			}
			if err := schema.Validate(record); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(file), err, line)
			}
		}
	}
	var broken map[string]any
	first := bytes.SplitN(replay(t, captures(t)[0], 1), []byte("\n"), 2)[0]
	for _, spoil := range []func(){
		func() { broken["protocol"] = "" },
		func() { broken["method"] = "guess" },
		func() { delete(broken, "id") },
		func() { broken["tls"] = map[string]any{"sni": nil} },
	} {
		if err := json.Unmarshal(first, &broken); err != nil {
			t.Fatal(err)
		}
		spoil()
		if schema.Validate(broken) == nil {
			t.Errorf("the schema takes %v", broken)
		}
	}
}

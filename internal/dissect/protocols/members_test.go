// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// TestMembersOfRecordings: a protocol's entries list what its flows have in the recordings.
func TestMembersOfRecordings(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/*.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no recordings")
	}
	table := dissect.NewTable(All())
	ofRecord := []string{"client", "server", "nat", "conntrack", "tcp"} // objects that no dissector fills
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(lines.Bytes(), &members); err != nil {
				t.Fatal(file, err)
			}
			var slug string
			_ = json.Unmarshal(members["protocol"], &slug) // absent: a flow without a name
			for object, value := range members {
				var inner map[string]json.RawMessage
				if slices.Contains(ofRecord, object) || json.Unmarshal(value, &inner) != nil {
					continue
				}
				for name := range inner {
					if member := object + "." + name; !table.Fills(slug, member) {
						t.Errorf("%s: %s fills %s, which no entry's Members have", file, slug, member)
					}
				}
			}
		}
	}
}

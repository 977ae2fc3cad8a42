// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"
)

func TestDocumentIsCurrent(t *testing.T) {
	got, err := os.ReadFile("../../../../docs/PROTOCOLS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, document()) {
		t.Error("docs/PROTOCOLS.md differs from the table of protocols; run make generate")
	}
}

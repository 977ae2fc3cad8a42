// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"io"
	"testing"
)

func TestWriterAndReaderAgree(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(1_700_000_000_123_456_789, []byte("frame"), 60); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file, "test")
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	if err := r.Next(&f); err != nil {
		t.Fatal(err)
	}
	if string(f.Data) != "frame" || f.Length != 60 || f.Time != 1_700_000_000_123_456_789 || f.Interface != 0 {
		t.Errorf("read %+v", f)
	}
	if err := r.Next(&f); err != io.EOF {
		t.Errorf("after the last packet: %v, want io.EOF", err)
	}
}

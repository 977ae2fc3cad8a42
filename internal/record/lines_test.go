// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine-1)
	l := NewLines(strings.NewReader("a\n\n" + long + "\nlast"))
	for _, want := range []string{"a", "", long} {
		if line, err := l.Next(); err != nil || string(line) != want {
			t.Errorf("%d bytes, %v", len(line), err)
		}
		if len(want) == 1 && !l.HasMore() {
			t.Error("the rest has not come")
		}
	}
	if line, err := l.Next(); !errors.Is(err, io.EOF) || string(line) != "last" || l.HasMore() {
		t.Errorf("%q, %v", line, err)
	}
	if line, err := l.Next(); !errors.Is(err, io.EOF) || len(line) > 0 {
		t.Errorf("after the end: %q, %v", line, err)
	}
	if _, err := NewLines(strings.NewReader(long + "xx\n")).Next(); err == nil {
		t.Error("a line of any length is read")
	}
}

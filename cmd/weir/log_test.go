// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestErrorsInJSON: what ends weir run is a message like any other, and its exit status stays.
func TestErrorsInJSON(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"run", "--log-format", "json", "--duration", "-1s"}, exitUsage, "--duration"},
		{[]string{"run", "--log-format", "json", "--uplink", "off", "-i", "absent0"}, exitUsage, "absent0"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(c.args, &stdout, &stderr); status != c.status {
			t.Errorf("%v: status %d, want %d", c.args, status, c.status)
		}
		var message struct{ Level, Msg, Process string }
		if err := json.Unmarshal(stderr.Bytes(), &message); err != nil {
			t.Fatalf("%v: %q: %v", c.args, stderr.String(), err)
		}
		if message.Level != "ERROR" || message.Process != "helper" || !strings.Contains(message.Msg, c.says) {
			t.Errorf("%v: %+v", c.args, message)
		}
	}
}

// TestErrorsInLines: the same for people, with the same status.
func TestErrorsInLines(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"run", "--duration", "-1s"}, &stdout, &stderr); status != exitUsage ||
		stderr.String() != "weir: --duration must not be negative\n" {
		t.Errorf("status %d, %q", status, stderr.String())
	}
}

// SPDX-License-Identifier: Apache-2.0

package peer

import "testing"

func TestJoin(t *testing.T) {
	for text, want := range map[string]string{
		"host": "host:514", "host:1": "host:1", "192.0.2.1:65535": "192.0.2.1:65535",
		"[2001:db8::1]:7": "[2001:db8::1]:7",
		"[2001:db8::1]":   "[2001:db8::1]:514", "": "", ":1": "", "host:0": "",
		"host:65536": "", "host:": "", "host:x": "",
		"2001:db8::1": "", "[x]:1": "", "a b": "", "u@h": "",
	} {
		got, err := Join(text, 514)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, error %v", text, got, err)
		}
	}
}

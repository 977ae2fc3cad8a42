// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"reflect"
	"testing"
	"unsafe"
)

var written = 1 // in a writable segment

// TestSegments: the released segments hold the program's code and nothing writable, and the program still works.
func TestSegments(t *testing.T) {
	holds := func(address uintptr) bool {
		for _, s := range segments() {
			if s[0] <= address && address < s[1] {
				return true
			}
		}
		return false
	}
	if code := reflect.ValueOf(ReleaseMemory).Pointer(); !holds(code) {
		t.Errorf("%x is in none of %x", code, segments())
	}
	if holds(uintptr(unsafe.Pointer(&written))) {
		t.Errorf("%p is in one of %x", &written, segments())
	}
	written = 2
	ReleaseMemory()
	if written != 2 || !holds(reflect.ValueOf(ReleaseMemory).Pointer()) {
		t.Error("something was lost")
	}
}

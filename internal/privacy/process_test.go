// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"testing"

	"github.com/weirnet/weir/internal/record"
)

// TestProcess: a process's path and unit may hold addresses and names, which go where those are hidden.
func TestProcess(t *testing.T) {
	whole := record.Process{PID: 7, UID: 1000, Name: "sshd", Executable: "/home/ben/sshd",
		Unit: "sshd@5-192.0.2.1:22-192.0.2.7:51000.service", Container: "0123456789ab"}
	cut := whole
	cut.Executable, cut.Unit = "", ""
	for _, c := range []struct {
		name   string
		config Config
		want   *record.Process
	}{
		{"nothing hidden", Config{OmitFields: []string{"risks"}}, &whole},
		{"pseudonyms", Config{Addresses: PseudonymLAN}, &cut},
		{"no host names", Config{HostNames: NoNames}, &cut},
		{"masked", Config{MaskGateway: true}, &cut},
		{"omitted", Config{OmitFields: []string{"process"}}, nil},
	} {
		f, err := New(c.config, make([]byte, KeySize))
		if err != nil {
			t.Fatal(err)
		}
		was := whole
		got := f.Flow(&record.Flow{Process: &was}).Process
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if was != whole {
			t.Errorf("%s: the record's own process changed", c.name)
		}
	}
}

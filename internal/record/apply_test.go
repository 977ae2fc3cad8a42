// SPDX-License-Identifier: Apache-2.0

package record

import (
	"reflect"
	"strings"
	"testing"
)

// TestApply: for every field that a delta can tell of, a record and the delta make the next record.
func TestApply(t *testing.T) {
	var summer Summer
	check := func(name string, field func(*Flow) reflect.Value) {
		before, after := entire(), entire()
		spoil(t, field(&after))
		after.Client.Packets += 3
		after.Server.Bytes += 4000
		var was, is Sums
		summer.Sum(&before, &was)
		summer.Sum(&after, &is)
		changed := is.Changed(&was)
		if !after.IsDelta(changed) {
			return // a whole record tells of it
		}
		delta := after.AppendDelta(nil, changed, after.Counts().Sub(before.Counts()))
		got := before
		if err := got.Apply(delta); err != nil {
			t.Errorf("%s: %v: %s", name, err, delta)
			return
		}
		if got, want := string(got.AppendJSON(nil)), string(after.AppendJSON(nil)); got != want {
			t.Errorf("%s: %s\nmakes %s\nwant  %s", name, delta, got, want)
		}
	}
	for _, name := range []string{"State", "LastSeen", "Direction", "Protocol", "Application", "Category", "Hostname",
		"Method", "ApplicationMethod", "HostnameMethod", "Tunnels", "FirstSeen", "Risks", "Process"} {
		check(name, func(f *Flow) reflect.Value { return reflect.ValueOf(f).Elem().FieldByName(name) })
	}
	for _, name := range []string{"Client.MAC", "Client.Side", "Client.Origin", "Server.MAC", "NAT.Client",
		"Conntrack.Mark", "Conntrack.IsOffloaded", "Client.Health", "Server.Health"} {
		outer, inner, _ := strings.Cut(name, ".")
		check(name, func(f *Flow) reflect.Value {
			if inner == "Health" {
				f.Client.Health.Retransmits++
				return reflect.ValueOf(f).Elem().FieldByName(outer).FieldByName(inner).FieldByName("ZeroWindows")
			}
			return reflect.ValueOf(f).Elem().FieldByName(outer).FieldByName(inner)
		})
	}
	for name, change := range map[string]func(*Flow){
		"no application": func(f *Flow) { f.Application, f.ApplicationMethod = "", ByNothing },
		"no host name":   func(f *Flow) { f.Hostname, f.HostnameMethod = nil, 0 },
		"no MAC address": func(f *Flow) { f.Client.MAC, f.Server.MAC = [6]byte{}, [6]byte{} },
		"no side":        func(f *Flow) { f.Client, f.Direction = Endpoint{Addr: f.Client.Addr, MAC: f.Client.MAC}, 0 },
		"no process":     func(f *Flow) { f.Process = nil },
		"no NAT":         func(f *Flow) { f.NAT = NAT{} },
		"other findings": func(f *Flow) { f.Info = []byte(`"http":{"status":200}`) },
		"an end":         func(f *Flow) { f.State, f.EndReason = StateEnd, EndReset },
	} {
		check(name, func(f *Flow) reflect.Value { change(f); return reflect.ValueOf(&f.LastSeen).Elem() })
	}
}

// TestApplyRefuses: what is no delta of the flow is an error.
func TestApplyRefuses(t *testing.T) {
	id := strings.Repeat("0", 32)
	for text, want := range map[string]string{
		`{"type":"flow_delta","id":"` + id + `","state":"update"`:         "no delta",
		`{"type":"flow","id":"` + id + `"}`:                               `its type is "flow"`,
		`{"type":"flow_delta","id":"` + strings.Repeat("1", 32) + `"}`:    "another flow",
		`{"type":"flow_delta","id":"` + id + `","ip_proto":"tcp"}`:        "identity",
		`{"type":"flow_delta","id":"` + id + `","client":{"packets":-1}}`: "client",
		`{"type":"flow_delta","id":"` + id + `","client":{"mac":"zz"}}`:   "MAC",
		`[]`: "no JSON object",
	} {
		f := entire()
		if err := f.Apply([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	f := entire()
	if err := f.Apply(make([]byte, MaxLine+1)); err == nil {
		t.Error("a line of any length is taken")
	}
}

// FuzzApply: no delta makes a record that can't be written and read again.
func FuzzApply(f *testing.F) {
	flow := entire()
	for p := range numParts {
		f.Add(flow.AppendDelta(nil, 1<<p, flow.Counts()))
	}
	f.Add([]byte(`{"type":"flow_delta"}`))
	f.Fuzz(func(t *testing.T, delta []byte) {
		r := entire()
		if r.Apply(delta) != nil {
			return
		}
		var again Flow
		if err := again.Read(r.AppendJSON(nil)); err != nil {
			t.Errorf("%v: %s", err, r.AppendJSON(nil))
		}
	})
}

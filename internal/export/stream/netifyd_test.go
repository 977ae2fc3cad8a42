// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

// TestNetifyd: a client that says nothing gets hello, protocols and status, and then what happens, in frames.
func TestNetifyd(t *testing.T) {
	for _, url := range []string{"netifyd+unix://" + filepath.Join(t.TempDir(), "s"), "netifyd+tcp://127.0.0.1:0"} {
		a := newFakeAgent()
		c := dial(t, serveURL(t, url+"?where=port:443", nil, a))
		next := func() (kind, flow string) {
			t.Helper()
			var head struct{ Length int }
			line := c.hear()
			if err := json.Unmarshal([]byte(line), &head); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			body := make([]byte, head.Length)
			if _, err := io.ReadFull(c.lines, body); err != nil {
				t.Fatal(err)
			}
			var m struct {
				Type string
				Flow struct {
					Digest string
					Total  int    `json:"total_bytes"`
					App    string `json:"detected_application_name"`
				}
				Dropped int     `json:"weir_dropped"`
				User    float64 `json:"cpu_user"`
				System  float64 `json:"cpu_system"`
				RSS     int     `json:"memrss_kb"`
				Uptime  int
			}
			if err := json.Unmarshal(body, &m); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			if m.Type == "agent_status" {
				return m.Type, fmt.Sprint(m.Uptime, m.User, m.System, m.RSS)
			}
			return m.Type, strings.TrimLeft(m.Flow.Digest, "0") + fmt.Sprintf(" %d %s", m.Flow.Total, m.Flow.App)
		}
		agent := <-a.streams
		for _, want := range []string{"agent_hello", "protocols", "agent_status"} {
			if got, text := next(); got != want || got == "agent_status" && text != "90 1.75 0.5 1026" {
				t.Fatalf("got %s %s, want %s", got, text, want)
			}
		}
		go io.WriteString(agent, flowLine(7, record.StateNew, 5)+"\n"+
			`{"type":"position","epoch":"e","sequence":1}`+"\n"+
			flowLine(7, record.StateUpdate, 50)+"\n{\n"+flowLine(7, record.StateEnd, 60)+"\n")
		for _, want := range []string{"flow 7 5 netify.youtube", "flow_purge 7 60 "} {
			kind, text := next()
			if got := kind + " " + text; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if f := a.requests()[0]; f.Filter != "port:443" || !f.Follow {
			t.Errorf("asked for %+v", f)
		}
		agent.Close()
		if got := c.hear(); got != "" {
			t.Errorf("after the end: %s", got)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// follow makes a command that follows a hub's records, and returns its end of the connection.
func follow(t *testing.T, f *followers, request *control.Flows) net.Conn {
	t.Helper()
	a := f.open(request)
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	command, agent := net.Pipe()
	t.Cleanup(func() { command.Close() })
	go func() {
		defer agent.Close()
		a.Stream(agent)
	}()
	return command
}

// hostsIn returns the host names of lines of records, and other lines whole; without positions.
func hostsIn(t *testing.T, c net.Conn) (names []string) {
	t.Helper()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		var f record.Flow
		if f.Read(lines.Bytes()) == nil {
			names = append(names, string(f.Hostname))
		} else if !strings.HasPrefix(lines.Text(), `{"type":"position"`) {
			names = append(names, lines.Text())
		}
	}
	return names
}

// host is a record whose host name is its number.
func host(i int) *record.Flow {
	end := record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:53")}
	f := &record.Flow{Hostname: fmt.Appendf(nil, "host%d", i), State: record.StateEnd, Client: end, Server: end,
		FirstSeen: 1, LastSeen: time.Now().UnixNano()}
	copy(f.ID[:], fmt.Sprintf("%032x", i))
	return f
}

// TestFollowers: a command gets what it selects of the past and of what comes, each once and in order.
func TestFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		for i := range 5 {
			_ = h.flow(host(i))
			time.Sleep(time.Minute)
		}
		all := follow(t, f, &control.Flows{Last: 2, Follow: true})
		some := follow(t, f, &control.Flows{Last: 9, SinceMillis: 130_000, Follow: true, Filter: "host!=host4"})
		past := follow(t, f, &control.Flows{Last: 1})
		if !f.isFollowed() {
			t.Error("nobody follows")
		}
		for i := 5; i < 8; i++ {
			_ = h.flow(host(i))
		}
		f.end()
		for _, c := range []struct {
			from net.Conn
			want string
		}{{all, "host3 host4 host5 host6 host7"}, {some, "host3 host5 host6 host7"}, {past, "host4"}} {
			if got := strings.Join(hostsIn(t, c.from), " "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		}
		f.wait(time.Second)
		if f.isFollowed() {
			t.Error("a command that has gone still follows")
		}
		if a := f.open(&control.Flows{Follow: true}); !strings.Contains(a.Error, "about to end") {
			t.Errorf("after the end: %+v", a)
		}
		h.end()
	})
}

// TestResume: a command that comes back gets what it has not had, each record once, and learns how many records are no
// longer remembered. After a restart all that is remembered is later.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		const remembered = 4096
		next := 0
		flows := func(n int) {
			for range n {
				_ = h.flow(host(next))
				next++
			}
		}
		flows(5)
		c := follow(t, f, &control.Flows{Last: 2, Follow: true, Filter: "host!=host6"})
		lines := bufio.NewScanner(c)
		read := func(want string) {
			t.Helper()
			for lines.Scan() && !strings.Contains(lines.Text(), want) {
				if !strings.HasPrefix(lines.Text(), `{"type":"position"`) { // one follows each write, of any number
					t.Fatalf("read %s, want %s", lines.Text(), want)
				}
			}
			if !strings.Contains(lines.Text(), want) {
				t.Fatalf("the stream ended before %s", want)
			}
		}
		at := func(epoch string, sequence uint64) string {
			return fmt.Sprintf(`{"type":"position","epoch":"%s","sequence":%d}`, epoch, sequence)
		}
		epoch := f.position.Epoch
		read("host3")
		read("host4")
		read(at(epoch, 5))
		flows(3)
		read("host5")
		read("host7")
		read(at(epoch, 8))
		c.Close()
		synctest.Wait()

		flows(3)
		resume := func(after control.Position) []string {
			c := follow(t, f, &control.Flows{After: &after})
			return hostsIn(t, c)
		}
		for _, x := range []struct {
			after control.Position
			want  string
		}{
			{control.Position{Epoch: epoch, Sequence: 8}, "host8 host9 host10"},
			{control.Position{Epoch: epoch, Sequence: 11}, ""},
			{control.Position{Epoch: epoch, Sequence: 1 << 60}, ""}, // of nobody
			{control.Position{Epoch: "another", Sequence: 9}, "host0 host1 host2 host3 host4 host5 host6 host7 host8 " +
				"host9 host10"},
		} {
			if got := strings.Join(resume(x.after), " "); got != x.want {
				t.Errorf("after %v: %s, want %s", x.after, got, x.want)
			}
		}
		flows(remembered)
		got := resume(control.Position{Epoch: epoch, Sequence: 8})
		if last := got[len(got)-1]; last != `{"type":"dropped","records":3}` || len(got) != remembered+1 ||
			got[0] != "host11" {
			t.Errorf("%d lines, from %s to %s", len(got), got[0], last)
		}
		h.end()
	})
}

// TestIdlePosition: a command that selects nothing knows the position nevertheless, before the agent has forgotten it.
func TestIdlePosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		c := follow(t, f, &control.Flows{Follow: true, Filter: "host=nothing"})
		synctest.Wait()
		for i := range positionEvery {
			_ = h.flow(host(i))
		}
		lines := bufio.NewScanner(c)
		if lines.Scan(); !strings.HasSuffix(lines.Text(), fmt.Sprintf(`"sequence":%d}`, positionEvery)) {
			t.Errorf("got %s", lines.Text())
		}
		h.end()
	})
}

// TestSlowFollower: a command that reads nothing costs bounded memory, stops nobody, and learns what it missed.
func TestSlowFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		slow := follow(t, f, &control.Flows{Follow: true})
		const records = 20_000
		for i := range records {
			_ = h.flow(host(i))
		}
		f.end()
		names := hostsIn(t, slow)
		var missed int
		if _, err := fmt.Sscanf(names[len(names)-1], `{"type":"dropped","records":%d}`, &missed); err != nil {
			t.Fatalf("the last line is %s: %v", names[len(names)-1], err)
		}
		if got := len(names) - 1; got+missed != records || got < 1000 {
			t.Errorf("%d records came and %d were dropped, of %d", got, missed, records)
		}
		var counted metric.Snapshot
		if h.Collect(&counted); counted[metric.RecordsUnfollowed] != uint64(missed) {
			t.Errorf("%d counted", counted[metric.RecordsUnfollowed])
		}
		h.end()
	})
}

// TestStuckFollower: a command that stops reading is given up, at the latest when the agent ends.
func TestStuckFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		follow(t, f, &control.Flows{Follow: true})
		_ = h.flow(host(1))
		synctest.Wait()
		if time.Sleep(followerPatience + time.Second); f.isFollowed() {
			t.Error("it still follows")
		}
		follow(t, f, &control.Flows{Follow: true})
		_ = h.flow(host(2))
		began := time.Now()
		if h.end(); time.Since(began) > 2*stallTime {
			t.Errorf("the end took %s", time.Since(began))
		}
		time.Sleep(followerPatience)
	})
}

// TestFollowerGoes: a command that goes away is forgotten, even if no record comes, and makes room for another.
func TestFollowerGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		var commands []net.Conn
		for range maxFollowers {
			commands = append(commands, follow(t, f, &control.Flows{Follow: true}))
		}
		if a := f.open(&control.Flows{Follow: true}); !strings.Contains(a.Error, "already") {
			t.Errorf("one too many: %+v", a)
		}
		for _, c := range commands {
			c.Close()
		}
		synctest.Wait()
		if f.isFollowed() {
			t.Error("a command that has gone still follows")
		}
		for _, filter := range []string{"app:", "risk:unheard-of"} {
			if a := f.open(&control.Flows{Filter: filter}); a.Error == "" {
				t.Errorf("the filter %s was taken", filter)
			}
		}
		h.end()
	})
}

// TestFollowEvery: the follower that wants to hear of live flows most often decides, while it follows.
func TestFollowEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		var commands []net.Conn
		for _, x := range []struct {
			asked int64
			want  time.Duration
		}{{60_000, time.Minute}, {0, usualEvery}, {1000, time.Second}, {-5, time.Second}, {1, leastEvery}} {
			commands = append(commands, follow(t, f, &control.Flows{Follow: true, EveryMillis: x.asked}))
			if got := f.followEvery(); got != x.want {
				t.Errorf("after one that asks for %d ms: %s, want %s", x.asked, got, x.want)
			}
		}
		p := process{options: &agent.Options{Follow: true}, enrichment: h.enrichment}
		for i, want := range []time.Duration{time.Second, time.Second, usualEvery, usualEvery, 0} {
			commands[len(commands)-1-i].Close()
			if synctest.Wait(); i == 3 {
				want = time.Minute
			}
			if got := f.followEvery(); got != want {
				t.Errorf("after %d have gone: %s, want %s", i+1, got, want)
			}
			if got := p.followEvery(); got != min(want, usualEvery) {
				t.Errorf("with a table that is followed: %s", got)
			}
		}
		h.end()
	})
}

// TestHistoryAnswer: other commands get the traffic of the last hour.
func TestHistoryAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		h.status = func() Status {
			return Status{Totals: engine.Totals{Counters: engine.Counters{Packets: 3, WireBytes: 300}}}
		}
		f := host(1)
		f.Client.Bytes, f.FirstSeen = 100, f.LastSeen
		_ = h.flow(f)
		h.second()
		q := &answerer{history: &h.enrichment.history}
		var past tally.Past
		if err := json.Unmarshal(q.answer(&control.Request{History: true}).History, &past); err != nil {
			t.Fatal(err)
		}
		if len(past.Minutes) != 1 || past.Minutes[0].Hosts[0] != (tally.Sum{Name: "host1", Bytes: [2]uint64{100},
			Flows: 1}) || len(past.Steps) != 1 || past.Steps[0] != (tally.Step{Bytes: 300, Packets: 3}) {
			t.Errorf("%+v", past)
		}
		h.end()
	})
}

// TestFollowersOfEvents: a filter by what events lack is refused, unless only flows are asked for.
func TestFollowersOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := testHub().enrichment.followers
		a := f.open(&control.Flows{Follow: true, Types: []string{"flow", "tls"}, Filter: "app:netflix"})
		if !strings.Contains(a.Error, "app is known of flows only") {
			t.Errorf("%+v", a)
		}
		follow(t, f, &control.Flows{Follow: true, Types: []string{"flow", "stats"}, Filter: "app:netflix"})
		f.end()
	})
}

// TestFollowersOfEndedFlows: whoever wants ended flows only gets no others, and the workers announce none for it.
func TestFollowersOfEndedFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHub()
		f := h.enrichment.followers
		ended := follow(t, f, &control.Flows{Follow: true, Ended: true})
		none := follow(t, f, &control.Flows{Follow: true, Ended: true, Types: []string{"dns"}})
		if f.isFollowed() {
			t.Error("the workers are asked for records of live flows")
		}
		all := follow(t, f, &control.Flows{Follow: true, Types: []string{"dns", "flow"}})
		if !f.isFollowed() {
			t.Error("nobody follows")
		}
		for i := range 4 {
			r := host(i)
			if i%2 == 0 {
				r.State = record.StateUpdate
			}
			_ = h.flow(r)
		}
		f.end()
		for _, c := range []struct {
			from net.Conn
			want string
		}{{ended, "host1 host3"}, {none, ""}, {all, "host0 host1 host2 host3"}} {
			if got := strings.Join(hostsIn(t, c.from), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		}
	})
}

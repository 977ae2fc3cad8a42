// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

// entire is a record with every member.
func entire() Flow {
	f := translated()
	f.Client.MAC, f.Server.MAC = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	f.Server.Origin = &Origin{64496, "Example \"AS\"", "NL"}
	f.Process = &Process{PID: 4242, UID: 33, Name: "nginx", Executable: "/usr/sbin/nginx", Container: "0123456789ab",
		Unit: "docker-\x2d.scope"}
	f.VLANs, f.Tunnels = []uint16{10, 20}, []packet.Tunnel{packet.TunnelVXLAN, packet.TunnelGRE}
	f.Protocol, f.Application, f.Category = "tls", "youtube", "video-streaming"
	f.Hostname = []byte("a\"b\\ \x00.example")
	f.Method, f.ApplicationMethod, f.HostnameMethod = MethodDPI, ByHost, HostnameByDNS
	f.FirstSeen, f.LastSeen = 1795770210178805000, 1795770211178805001
	f.Info = []byte(`"tls":{"version":"1.3","alpn":["h2","http/1.1"]},"x":{"y":1}`)
	f.Risks = 1<<RiskSMB1 | 1<<RiskTLSWeakCipher
	return f
}

// goldens calls each with every record of the recordings.
func goldens(t testing.TB, each func(name string, line []byte)) {
	t.Helper()
	names, err := filepath.Glob("../../testdata/*.ndjson")
	if err != nil || len(names) == 0 {
		t.Fatalf("no records in testdata: %v", err)
	}
	for _, name := range names {
		all, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(all) {
			each(name, bytes.TrimSuffix(line, []byte("\n")))
		}
	}
}

// TestReadRecords: what Read has read, AppendJSON writes as it was.
func TestReadRecords(t *testing.T) {
	count := 0
	goldens(t, func(name string, line []byte) {
		if !bytes.HasPrefix(line, []byte(`{"type":"flow"`)) {
			return
		}
		count++
		var f Flow
		if err := f.Read(line); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got := f.AppendJSON(nil); !bytes.Equal(got, line) {
			t.Errorf("%s:\n%s\nbecame\n%s", name, line, got)
		}
	})
	if count < 100 {
		t.Errorf("only %d records", count)
	}
}

// TestReadWholeRecord: no member of a record is lost.
func TestReadWholeRecord(t *testing.T) {
	f := entire()
	line := f.AppendJSON(nil)
	var got Flow
	if err := got.Read(line); err != nil {
		t.Fatal(err)
	}
	if again := got.AppendJSON(nil); !bytes.Equal(again, line) {
		t.Errorf("\n%s\nbecame\n%s", line, again)
	}
	if csv := got.AppendCSV(nil); !bytes.Equal(csv, f.AppendCSV(nil)) {
		t.Errorf("\n%s\nbecame\n%s", f.AppendCSV(nil), csv)
	}
}

// TestReadNewerRecord: what this version does not know is no error.
func TestReadNewerRecord(t *testing.T) {
	const line = `{"type":"flow","schema":1,"id":"c4a070aaa01801cf8562b26c95cff5a3","community_id":"1:x",` +
		`"state":"paused","ip_version":4,"ip_proto":"udp",` +
		`"client":{"ip":"192.0.2.1","port":1,"side":"dmz","packets":1,"bytes":1},` +
		`"server":{"ip":"192.0.2.2","port":2,"packets":0,"bytes":0},"direction":"sideways","method":"oracle",` +
		`"tunnel":["wormhole"],"first_seen":"2026-11-23T09:03:30.5Z","last_seen":"2026-11-23T09:03:31Z",` +
		`"colour":{"red":1},"risks":["new-risk","smb1"]}`
	var f Flow
	if err := f.Read([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if f.State != 0 || f.Direction != DirectionUnknown || f.Method != MethodNone || len(f.Tunnels) != 0 ||
		f.Client.Side != SideUnknown || !f.Risks.Has(RiskSMB1) || string(f.Info) != `"colour":{"red":1}` {
		t.Errorf("%+v", f)
	}
}

// TestReadCutRecords: a record cut short is an error, and no panic.
func TestReadCutRecords(t *testing.T) {
	f := entire()
	line := f.AppendJSON(nil)
	for n := range line {
		var cut Flow
		if err := cut.Read(line[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a record", n, len(line))
		}
	}
}

func TestReadRefusals(t *testing.T) {
	f := entire()
	line := string(f.AppendJSON(nil))
	replace := func(old, new string) string {
		if !strings.Contains(line, old) {
			t.Fatalf("%s lacks %s", line, old)
		}
		return strings.Replace(line, old, new, 1)
	}
	for want, line := range map[string]string{
		"JSON object":           `[1]`,
		`its type is "report"`:  replace(`"type":"flow"`, `"type":"report"`),
		"follows the object":    line + "{}",
		"no id of a flow":       replace(`"id":"`, `"id":"0`),
		"it has no id":          replace(`"id":"`, `"ID":"`),
		"no IP protocol":        replace(`"ip_proto":"tcp"`, `"ip_proto":"256"`),
		"no MAC address":        replace(`"mac":"`, `"mac":"00:`),
		"that no record has":    replace(`"first_seen":"2`, `"first_seen":"9`),
		"an end has no address": replace(`"server":{`, `"servant":{`),
		"last_seen is missing":  replace(`"last_seen"`, `"past_seen"`),
		"are allowed":           `{"type":"flow","x":"` + strings.Repeat("x", MaxLine) + `"}`,
	} {
		var f Flow
		if err := f.Read([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, which lacks %q", err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	whole := entire()
	f.Add(whole.AppendJSON(nil))
	goldens(f, func(_ string, line []byte) { f.Add(line) })
	f.Fuzz(func(t *testing.T, line []byte) {
		var first, again Flow
		if first.Read(line) != nil {
			return
		}
		written := first.AppendJSON(nil)
		if err := again.Read(written); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if rewritten := again.AppendJSON(nil); !bytes.Equal(rewritten, written) {
			t.Errorf("\n%s\nbecame\n%s", written, rewritten)
		}
		if s := bufio.NewScanner(bytes.NewReader(written)); s.Scan() && len(s.Bytes()) != len(written) {
			t.Errorf("more than a line: %q", written)
		}
	})
}

// TestBrief: what AppendBrief leaves out follows from the rest, in every recorded flow; an ID that was left out before
// stays an empty one.
func TestBrief(t *testing.T) {
	brief := 0
	goldens(t, func(name string, line []byte) {
		var f Flow
		if f.Read(line) != nil {
			return
		}
		whole, short := f.AppendJSON(nil), f.AppendBrief(nil)
		if bytes.Equal(whole, short) {
			return
		}
		brief++
		a, b := f.Client.Addr, f.Server.Addr
		if a.Compare(b) > 0 {
			a, b = b, a
		}
		ports := [4]byte{byte(a.Port() >> 8), byte(a.Port()), byte(b.Port() >> 8), byte(b.Port())}
		id := packet.AppendCommunityID(nil, f.Proto, a.Addr().AsSlice(), b.Addr().AsSlice(), ports[:])
		without := bytes.Replace(whole, fmt.Appendf(nil, `"community_id":"%s",`, id), nil, 1)
		sum := uint64(f.RoundTrips[0]) + uint64(f.RoundTrips[1])
		without = bytes.Replace(without, fmt.Appendf(nil, `"rtt_us":%d,`, sum), nil, 1)
		if !bytes.Equal(without, short) {
			t.Errorf("%s:\n%s\nbecame\n%s", name, whole, short)
		}
	})
	if brief < 100 {
		t.Errorf("%d records became shorter", brief)
	}
	f := translated()
	f.CommunityID = nil
	if short := f.AppendBrief(nil); !bytes.Contains(short, []byte(`"community_id":""`)) {
		t.Errorf("%s", short)
	}
}

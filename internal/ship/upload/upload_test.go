// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/uplink"
)

func TestSend(t *testing.T) {
	var delivered []spool.Name
	whole := 0
	bubble(t, func(k *kit) {
		k.config.Delivered = func(names []spool.Name) { delivered = append(delivered, names...) }
		k.config.WholeFlows = func() { whole++ }
		k.sink.answer = func(w http.ResponseWriter, _ *http.Request, keep func() uplink.Reports) bool {
			answer := keep()
			answer.WholeFlows = len(answer.Reports) == 1 && answer.Reports[0].Sequence == 1
			_ = json.NewEncoder(w).Encode(answer)
			return true
		}
	}, func(k *kit) {
		if s := k.settle(time.Minute); s.Phase != Starting || s.Attempts != 0 || s.HasClockOffset {
			t.Errorf("before the first report: %+v", s)
		}
		k.put(1)
		k.settle(time.Second)
		k.put(3)
		k.arrive(time.Minute)
		s := k.uploader.State()
		if s.Phase != Connected || s.Sent != 4 || s.Bytes == 0 || s.Error != "" || s.LastSuccess.IsZero() ||
			!s.NextAttempt.IsZero() {
			t.Errorf("%+v", s)
		}
		for _, r := range k.sink.attempts() {
			if r.proto != "HTTP/2.0" {
				t.Error(r.proto)
			}
		}
		if k.wire.Dials() != 1 {
			t.Errorf("%d connections", k.wire.Dials())
		}
		if len(delivered) != 4 || delivered[3] != (spool.Name{Epoch: k.epoch, Sequence: 4}) || whole != 1 {
			t.Errorf("delivered %v, whole flows requested %d times", delivered, whole)
		}
	})
}

// TestEncodings: after a change of the setting a spool has reports of several kinds, and each request has one.
func TestEncodings(t *testing.T) {
	kinds := []compress.Encoding{compress.None, compress.Gzip, compress.Zstd, compress.Zstd, compress.None,
		compress.Gzip}
	bubble(t, nil, func(k *kit) {
		k.wire.Set(true)
		for _, k.encoding = range kinds {
			k.put(2)
		}
		k.settle(time.Second)
		k.wire.Set(false)
		k.arrive(time.Minute)
		var got []string
		for _, r := range k.sink.attempts() {
			got = append(got, fmt.Sprint(r.encoding, " ", r.sequences))
		}
		want := []string{"none [1 2]", "gzip [3 4]", "zstd [5 6 7 8]", "none [9 10]", "gzip [11 12]"}
		if !slices.Equal(got, want) {
			t.Errorf("requests %q, want %q", got, want)
		}
	})
}

// TestSinkAway: an hour without a sink costs few attempts and no memory; then everything arrives within a minute, in
// order, in few requests.
func TestSinkAway(t *testing.T) {
	const every, hour = 15 * time.Second, 240 // reports
	var isAway atomic.Bool
	for name, away := range map[string]func(k *kit, is bool){
		"refuses": func(k *kit, is bool) { k.wire.Set(is) },
		"answers 503": func(k *kit, is bool) {
			isAway.Store(is)
			k.sink.answer = func(w http.ResponseWriter, _ *http.Request, _ func() uplink.Reports) bool {
				if isAway.Load() {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return isAway.Load()
			}
		},
		"hangs up": func(k *kit, is bool) {
			isAway.Store(is)
			k.sink.answer = func(http.ResponseWriter, *http.Request, func() uplink.Reports) bool {
				if isAway.Load() {
					panic(http.ErrAbortHandler)
				}
				return false
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(k *kit) { away(k, true) }, func(k *kit) {
				memory := func() (s runtime.MemStats) { runtime.GC(); runtime.ReadMemStats(&s); return s }
				k.put(1)
				k.settle(every)
				before, routines := memory(), runtime.NumGoroutine()
				for range hour - 1 {
					k.put(1)
					k.settle(every)
				}
				// The requests of the test's sink are not the uploader's memory.
				if after := memory(); after.HeapAlloc > before.HeapAlloc+2<<20 || runtime.NumGoroutine() > routines+4 {
					t.Errorf("%d bytes became %d, %d goroutines %d", before.HeapAlloc, after.HeapAlloc, routines,
						runtime.NumGoroutine())
				}
				s := k.uploader.State()
				if s.Phase != Waiting || s.Attempts < 100 || s.Attempts > hour ||
					s.NextAttempt.After(time.Now().Add(maxWait)) || s.Error == "" {
					t.Errorf("%+v", s)
				}
				if waiting := k.spool.Stats(); waiting.Reports != hour || waiting.Untold != 0 {
					t.Errorf("%+v", waiting)
				}
				vain := len(k.sink.attempts())
				away(k, false)
				k.arrive(time.Minute - 2*time.Second) // which looks once a second
				all := k.sink.attempts()[vain:]
				if len(all) > 8 {
					t.Errorf("%d reports took %d requests", hour, len(all))
				}
				for i := range all {
					if i > 0 && all[i].at.Sub(all[i-1].at) < minPause {
						t.Errorf("a request %s after another", all[i].at.Sub(all[i-1].at))
					}
				}
				if s := k.uploader.State(); s.Phase != Connected || s.Error != "" || s.Duplicates != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// badly answers some attempts badly, then well.
func badly(times int, answer func(w http.ResponseWriter, keep func() uplink.Reports)) func(*kit) {
	return func(k *kit) {
		n := 0
		k.sink.answer = func(w http.ResponseWriter, _ *http.Request, keep func() uplink.Reports) bool {
			if n++; n > times {
				return false
			}
			answer(w, keep)
			return true
		}
	}
}

func encode(w http.ResponseWriter, a uplink.Reports) { _ = json.NewEncoder(w).Encode(a) }

// lies are what can happen to an answer.
func lies() map[string]func(w http.ResponseWriter, keep func() uplink.Reports) {
	return map[string]func(w http.ResponseWriter, keep func() uplink.Reports){
		"no answer after the commit": func(_ http.ResponseWriter, keep func() uplink.Reports) {
			keep()
			panic(http.ErrAbortHandler)
		},
		"no answer before it": func(http.ResponseWriter, func() uplink.Reports) { panic(http.ErrAbortHandler) },
		"500 after the commit": func(w http.ResponseWriter, keep func() uplink.Reports) {
			keep()
			problem(w, 500, "")
		},
		"502 as HTML": func(w http.ResponseWriter, _ func() uplink.Reports) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, "<html>\x1b[31m")
		},
		"a body that breaks off": func(w http.ResponseWriter, keep func() uplink.Reports) {
			b, _ := json.Marshal(keep())
			w.Header().Set("Content-Length", strconv.Itoa(len(b)))
			_, _ = w.Write(b[:len(b)-9])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"half a body": func(w http.ResponseWriter, keep func() uplink.Reports) {
			b, _ := json.Marshal(keep())
			_, _ = w.Write(b[:len(b)/2])
		},
		"another sequence": func(w http.ResponseWriter, keep func() uplink.Reports) {
			a := keep()
			a.Reports[0].Sequence++
			encode(w, a)
		},
		"another epoch": func(w http.ResponseWriter, keep func() uplink.Reports) {
			a := keep()
			a.Reports[0].Epoch = strings.Repeat("0", 32)
			encode(w, a)
		},
		"too few receipts": func(w http.ResponseWriter, keep func() uplink.Reports) {
			a := keep()
			a.Reports = a.Reports[1:]
			encode(w, a)
		},
		"too many receipts": func(w http.ResponseWriter, keep func() uplink.Reports) {
			a := keep()
			a.Reports = append(a.Reports, a.Reports[0])
			encode(w, a)
		},
		"an unknown result": func(w http.ResponseWriter, keep func() uplink.Reports) {
			a := keep()
			a.Reports[0].Result = "perhaps"
			encode(w, a)
		},
		"an endless answer": func(w http.ResponseWriter, _ func() uplink.Reports) {
			for range 1 << 10 {
				if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
					return
				}
			}
		},
		"no answer in time": func(http.ResponseWriter, func() uplink.Reports) { time.Sleep(2 * maxResponseDelay) },
		"a byte a second": func(w http.ResponseWriter, _ func() uplink.Reports) {
			for range 3600 {
				if _, err := w.Write([]byte(" ")); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		},
	}
}

// TestLyingNetwork: whatever happens to an answer, each report is in the sink once, in order.
func TestLyingNetwork(t *testing.T) {
	for name, answer := range lies() {
		t.Run(name, func(t *testing.T) {
			bubble(t, badly(3, answer), func(k *kit) {
				k.put(1)
				k.settle(time.Millisecond)
				k.put(5)
				k.arrive(time.Hour)
				if s := k.uploader.State(); s.Failures != 3 || s.Phase != Connected {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestLiesMixed: two of three answers lie, each in another way, while reports keep coming.
func TestLiesMixed(t *testing.T) {
	const most = 300 // reports
	all := lies()
	names := slices.Sorted(maps.Keys(all))
	var mutex sync.Mutex
	told := map[string]int{}
	isOver := false
	random := rand.New(rand.NewPCG(5, 6))
	choose := func() (name string) {
		mutex.Lock()
		defer mutex.Unlock()
		if isOver || random.IntN(3) == 0 {
			return ""
		}
		name = names[random.IntN(len(names))]
		told[name]++
		return name
	}
	bubble(t, func(k *kit) {
		k.sink.answer = func(w http.ResponseWriter, _ *http.Request, keep func() uplink.Reports) bool {
			name := choose()
			if name != "" {
				all[name](w, keep)
			}
			return name != ""
		}
	}, func(k *kit) {
		for k.next <= most {
			k.put(1 + rand.IntN(3))
			k.settle(rand.N(time.Minute))
		}
		mutex.Lock()
		isOver = true
		mutex.Unlock()
		k.arrive(time.Hour)
		if s := k.uploader.State(); s.Failures < 50 || s.Refused > 0 || s.Duplicates == 0 {
			t.Errorf("told %v; %+v", told, s)
		}
	})
}

// TestRetryAfter: the sink's word holds, within bounds.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		status    int
		text      string
		from, to  time.Duration
		isFinally bool
	}{
		{429, "30", 30 * time.Second, 35 * time.Second, false},
		{503, "600", 10 * time.Minute, 12 * time.Minute, false},
		{503, "date", 20 * time.Minute, 23 * time.Minute, false},
		{503, "99999999", maxRetryAfter, maxRetryAfter + maxRetryAfter/10 + 2*time.Second, false},
		{503, "99999999999999999999", 0, firstWait, false},
		{503, "-5", 0, firstWait, false},
		{503, "Thu, 01 Jan 1970 00:00:00 GMT", 0, firstWait, false},
		{503, "", 0, firstWait, false},
		{500, "60", time.Minute, 68 * time.Second, false},
		{404, "60", slowWait / 2, slowWait, true},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.text), func(t *testing.T) {
			bubble(t, func(k *kit) {
				badly(1, func(w http.ResponseWriter, _ func() uplink.Reports) {
					text := c.text
					if text == "date" { // by a clock of the sink's own
						now := time.Now().Add(77 * time.Hour)
						w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
						text = now.Add(20 * time.Minute).UTC().Format(http.TimeFormat)
					}
					w.Header().Set("Retry-After", text)
					problem(w, c.status, "")
				})(k)
			}, func(k *kit) {
				k.put(1)
				s := k.settle(0)
				if (s.Phase == Rejected) != c.isFinally {
					t.Errorf("%+v", s)
				}
				k.arrive(2 * time.Hour)
				all := k.sink.attempts()
				if waited := all[1].at.Sub(all[0].at); waited < c.from || waited > c.to || len(all) != 2 {
					t.Errorf("%d attempts, the second after %s, want %s to %s", len(all), waited, c.from, c.to)
				}
			})
		})
	}
}

// TestBadReport: a report that the sink can't read is found and set aside; the others arrive.
func TestBadReport(t *testing.T) {
	for _, status := range []int{400, 413} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			bubble(t, func(k *kit) {
				k.sink.answer = func(w http.ResponseWriter, _ *http.Request, _ func() uplink.Reports) bool {
					all := k.sink.attempts()
					isBad := slices.Contains(all[len(all)-1].sequences, 23)
					if isBad {
						problem(w, status, "")
					}
					return isBad
				}
			}, func(k *kit) {
				k.wire.Set(true)
				k.put(40)
				k.wire.Set(false)
				k.arrive(time.Hour, 23)
				if s, n := k.uploader.State(), len(k.sink.attempts()); s.Refused != 1 || n > 20 {
					t.Errorf("%d requests, %+v", n, s)
				}
				reason := fmt.Sprintf("the sink answered %d: a problem", status)
				if s := k.spool.Stats(); s.Refused != 1 || s.Refusal != reason {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestSlowLink: what is too much for a slow link is sent in smaller parts, and nothing is refused.
func TestSlowLink(t *testing.T) {
	bubble(t, func(k *kit) {
		k.sink.answer = func(w http.ResponseWriter, _ *http.Request, _ func() uplink.Reports) bool {
			all := k.sink.attempts()
			n := len(all[len(all)-1].sequences)
			switch {
			case n > 20:
				time.Sleep(2 * maxResponseDelay)
			case n > 5:
				problem(w, http.StatusRequestTimeout, "")
			}
			return n > 5
		}
	}, func(k *kit) {
		k.wire.Set(true)
		k.put(40)
		k.wire.Set(false)
		k.arrive(5 * time.Hour)
		if s := k.uploader.State(); s.Refused != 0 || s.Phase != Connected {
			t.Errorf("%+v", s)
		}
	})
}

// TestTLS: the sink's certificate has to come from the authority; an agent shows its own certificate if it has one.
func TestTLS(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*kit)
		want   string // in the error; "" if there is none
	}{
		{"another authority", func(k *kit) { k.config.Authority = sinktest.NewAuthority(k.t).PEM() },
			"another server answers"},
		{"the system's roots", func(k *kit) { k.config.Authority = nil }, "another server answers"},
		{"another host", func(k *kit) { k.config.URL = "https://127.0.0.2:8443" }, "not for 127.0.0.2"},
		{"a year later", func(*kit) { time.Sleep(365 * 24 * time.Hour) }, "is this gateway's clock right?"},
		// HTTP/2 may hide the alert (RFC 8446, section 4.4.2.4) behind words of its own.
		{"no certificate of its own", func(k *kit) { k.server.ClientAuth = tls.RequireAndVerifyClientCert }, "e"},
		{"its own certificate", func(k *kit) {
			own := k.authority.Sign(k.t, "agent")
			k.config.Certificate = &own
			k.server.ClientAuth, k.server.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
			k.server.ClientCAs.AddCert(k.authority.Certificate)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, c.change, func(k *kit) {
				k.put(1)
				s := k.settle(time.Minute)
				if !strings.Contains(s.Error, c.want) || (s.Error == "") != (c.want == "") {
					t.Errorf("%+v, want %q", s, c.want)
				}
				if got := len(k.sink.attempts()); (got == 1) != (c.want == "") {
					t.Errorf("the server has got %d requests", got)
				}
			})
		})
	}
}

// TestCancel: Run ends at once, whatever it does.
// TestExplainHTTP: the sink's page is on another port, without TLS.
func TestExplainHTTP(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := http.Get("https://" + server.Listener.Addr().String())
	if err == nil || !strings.Contains(Explain(err), "HTTP without TLS") {
		t.Errorf("%v is explained as %q", err, Explain(err))
	}
}

func TestCancel(t *testing.T) {
	for name, change := range map[string]func(*kit){
		"idle":       nil,
		"waiting":    func(k *kit) { k.wire.Set(true) },
		"in request": badly(1, func(http.ResponseWriter, func() uplink.Reports) { time.Sleep(time.Minute) }),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, change, func(k *kit) {
				if name != "idle" {
					k.put(1)
				}
				k.settle(30 * time.Second)
				begin := time.Now()
				k.cancel()
				<-k.ended
				if took := time.Since(begin); took > 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestNew(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Config{
		{URL: "http://127.0.0.1:1", Key: key}, {URL: "https://", Key: key}, {URL: ":", Key: key}, {Key: key},
		{URL: "https://127.0.0.1:1"}, {URL: "https://127.0.0.1:1", Key: key, Authority: []byte("x")},
	} {
		if _, err := New(nil, c); err == nil {
			t.Errorf("%q, key of %d bytes, authority %q", c.URL, len(c.Key), c.Authority)
		}
	}
}

// TestForeign400: what is not from a sink refuses no report.
func TestForeign400(t *testing.T) {
	bubble(t, badly(9, func(w http.ResponseWriter, _ func() uplink.Reports) { w.WriteHeader(400) }), func(k *kit) {
		k.put(2)
		if s := k.settle(time.Minute); s.Phase != Rejected {
			t.Errorf("%+v", s)
		}
		k.arrive(2 * time.Hour)
	})
}

// TestRefused: the sink's own word about one report of several.
func TestRefused(t *testing.T) {
	bubble(t, func(k *kit) {
		k.sink.answer = func(w http.ResponseWriter, _ *http.Request, keep func() uplink.Reports) bool {
			a := keep()
			for i, r := range a.Reports {
				if r.Sequence%3 == 0 {
					a.Reports[i].Result, a.Reports[i].Reason = uplink.Refused, "another agent's\x1b[31m \xff\n report"
					if r.Sequence == 3 { // which the sink could not read
						a.Reports[i].Epoch, a.Reports[i].Sequence = "", 0
					}
				}
			}
			encode(w, a)
			return true
		}
	}, func(k *kit) {
		k.wire.Set(true)
		k.put(7)
		k.wire.Set(false)
		k.arrive(time.Hour)
		if s := k.uploader.State(); s.Refused != 2 || s.Sent != 5 {
			t.Errorf("%+v", s)
		}
		if s := k.spool.Stats(); s.Refused != 2 || s.Sent != 5 || s.Refusal != "another agent's [31m report" {
			t.Errorf("%+v", s)
		}
	})
}

// TestClock: the sink's clock is the one that signatures have.
func TestClock(t *testing.T) {
	for _, skew := range []time.Duration{-20 * 365 * 24 * time.Hour, -time.Hour, time.Hour, 20 * 365 * 24 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			bubble(t, func(k *kit) { k.sink.now = func() time.Time { return time.Now().Add(skew) } }, func(k *kit) {
				k.put(1)
				k.arrive(time.Minute)
				k.put(1)
				k.arrive(time.Minute)
				s := k.uploader.State()
				if d := s.ClockOffset - skew; !s.HasClockOffset || s.Attempts != 3 || s.Failures != 0 ||
					d.Abs() > time.Second {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestClockSteps: the gateway's clock is set, again and again. Each time the signatures take the sink's time, and what
// waits while the sink's certificate seems invalid arrives afterwards.
func TestClockSteps(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	step := time.Duration(0) // the gateway's clock less the sink's
	bubble(t, func(k *kit) {
		k.config.Now = func() time.Time { return time.Now().Add(step) }
	}, func(k *kit) {
		for _, step = range []time.Duration{hour / 2, -hour / 2, hour, 0, -30 * time.Minute, 5 * hour, 0} {
			k.put(2)
			k.arrive(time.Minute)
			if s := k.uploader.State(); (s.ClockOffset+step).Abs() > uplink.MaxClockSkew || s.Phase != Connected {
				t.Errorf("step of %s: %+v", step, s)
			}
		}
		for _, step = range []time.Duration{10 * year, -10 * year} { // a connection that is there suffices
			k.put(2)
			k.arrive(time.Minute)
		}
		failures := k.uploader.State().Failures
		k.settle(time.Hour)
		for _, step = range []time.Duration{10 * year, -10 * year} {
			k.put(2)
			if s := k.settle(time.Minute); s.Phase != Waiting ||
				!strings.Contains(s.Error, "is this gateway's clock right?") {
				t.Errorf("step of %s: %+v", step, s)
			}
		}
		step = 0
		k.arrive(time.Minute)
		if s := k.uploader.State(); failures > 0 || s.Duplicates > 0 {
			t.Errorf("%d failures, %+v", failures, s)
		}
	})
}

// TestClockNeverRight: a sink that complains for ever is asked with the usual patience.
func TestClockNeverRight(t *testing.T) {
	bubble(t, func(k *kit) {
		n := 0
		k.sink.now = func() time.Time { n++; return time.Now().Add(time.Duration(n) * time.Hour) }
	}, func(k *kit) {
		k.put(1)
		if s := k.settle(time.Hour); s.Attempts > 240 || s.Phase != Waiting ||
			s.Error != "the sink says that this gateway's clock is wrong" {
			t.Errorf("%+v", s)
		}
	})
}

func TestUnknownAgent(t *testing.T) {
	bubble(t, badly(5, func(w http.ResponseWriter, _ func() uplink.Reports) {
		problem(w, http.StatusUnauthorized, uplink.ProblemUnknownAgent)
	}), func(k *kit) {
		k.put(1)
		if s := k.settle(time.Minute); s.Phase != Rejected || s.Attempts != 1 ||
			!strings.Contains(s.Error, "enrol it again") {
			t.Errorf("%+v", s)
		}
		k.arrive(time.Hour)
	})
}

// TestRedirect: a signed request goes nowhere else.
func TestRedirect(t *testing.T) {
	bubble(t, badly(2, func(w http.ResponseWriter, _ func() uplink.Reports) {
		w.Header().Set("Location", "https://127.0.0.1:9/elsewhere") // the sink of the test would complain of the path
		w.WriteHeader(http.StatusTemporaryRedirect)
	}), func(k *kit) {
		k.put(1)
		if s := k.settle(time.Second); s.Phase != Rejected || !strings.Contains(s.Error, "redirects") {
			t.Errorf("%+v", s)
		}
		k.arrive(time.Hour)
	})
}

// TestRate: catching up takes its time.
func TestRate(t *testing.T) {
	bubble(t, func(k *kit) {
		k.encoding, k.filler = compress.None, make([]byte, 75<<10) // 100 KiB in base64
		k.config.Rate, k.config.Batch = 50<<10, 500<<10
	}, func(k *kit) {
		k.wire.Set(true)
		k.put(30)
		k.settle(0)
		k.wire.Set(false)
		k.arrive(time.Hour)
		all := k.sink.attempts()
		if took := all[len(all)-1].at.Sub(all[0].at); took < 48*time.Second || took > 2*time.Minute {
			t.Errorf("30 reports took %s: %v", took, all)
		}
		for _, r := range all {
			if r.size > 500<<10 {
				t.Errorf("a request of %d bytes", r.size)
			}
		}
	})
}

// TestFitting: a request stays within the sink's limits.
func TestFitting(t *testing.T) {
	var c compress.Compressor
	made := func(n int, e compress.Encoding, b byte) spool.Report {
		report := make([]byte, n)
		for i := range report {
			report[i] = b * byte(i*i>>7)
		}
		return spool.Report{Encoding: e, Body: c.Compress(nil, report, e)}
	}
	for _, x := range []struct {
		name   string
		report spool.Report
		want   int
	}{
		{"small", made(1000, compress.None, 1), 64},
		{"large", made(3<<20, compress.None, 1), 2},
		{"very large", made(9<<20, compress.None, 1), 1},
		{"large when decoded", made(10<<20, compress.Gzip, 1), 3},
		{"zeros", made(900<<10, compress.Zstd, 0), 1},
	} {
		if got := len(fitting(slices.Repeat([]spool.Report{x.report}, 64))); got != x.want {
			t.Errorf("%s: %d reports, want %d", x.name, got, x.want)
		}
	}
}

// TestLimits: reports that are nothing but repetition go one by one.
func TestLimits(t *testing.T) {
	bubble(t, func(k *kit) { k.filler = make([]byte, 500<<10) }, func(k *kit) {
		k.wire.Set(true)
		k.put(5)
		k.wire.Set(false)
		k.arrive(time.Hour)
		if n := len(k.sink.attempts()); n != 5 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestEndlessAnswer: of an answer, no more than its bound is read.
func TestEndlessAnswer(t *testing.T) {
	written := 0
	bubble(t, badly(1, func(w http.ResponseWriter, keep func() uplink.Reports) {
		encode(w, keep())
		for written < 100<<20 {
			n, err := io.WriteString(w, strings.Repeat(" ", 4<<10))
			if written += n; err != nil {
				return
			}
		}
	}), func(k *kit) {
		k.put(1)
		k.arrive(time.Hour)
		if s := k.uploader.State(); s.Failures != 1 || written > 10<<20 { // what the windows of HTTP/2 take, unread
			t.Errorf("%d bytes written, %+v", written, s)
		}
	})
}

// TestPatienceIsNew: after a success the next failure is the first one.
func TestPatienceIsNew(t *testing.T) {
	bubble(t, func(k *kit) {
		k.sink.answer = func(w http.ResponseWriter, _ *http.Request, _ func() uplink.Reports) bool {
			isBad := len(k.sink.attempts()) != 8 && len(k.sink.attempts()) < 10
			if isBad {
				problem(w, 500, "")
			}
			return isBad
		}
	}, func(k *kit) {
		k.put(1)
		k.arrive(time.Hour)
		k.put(1)
		k.arrive(time.Hour)
		all := k.sink.attempts()
		if waited := all[9].at.Sub(all[8].at); len(all) != 10 || waited > firstWait {
			t.Errorf("%d attempts, the last one after %s", len(all), waited)
		}
	})
}

// TestTooLarge: a report that no sink takes does not hold up the others.
func TestTooLarge(t *testing.T) {
	bubble(t, func(k *kit) { k.encoding = compress.None }, func(k *kit) {
		k.put(1)
		k.filler = make([]byte, uplink.MaxBody)
		k.put(1)
		k.filler = nil
		k.put(1)
		k.arrive(time.Hour, 2)
		if s := k.uploader.State(); s.Refused != 1 || s.Failures != 0 {
			t.Errorf("%+v", s)
		}
	})
}

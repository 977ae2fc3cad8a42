// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/uplink"
)

var someReports = []spool.Report{{Name: spool.Name{Epoch: spool.Epoch{1}, Sequence: 7}},
	{Name: spool.Name{Epoch: spool.Epoch{1}, Sequence: 8}}}

const someAnswer = `{"reports":[{"epoch":"01000000000000000000000000000000","sequence":7,"result":"stored"},` +
	`{"epoch":"","sequence":0,"result":"refused","reason":"no JSON"}],"whole_flows":true}`

// TestAnswerTruncated: no part of an answer is a yes.
func TestAnswerTruncated(t *testing.T) {
	if a, err := parseAnswer(someReports, []byte(someAnswer)); err != nil || !a.WholeFlows {
		t.Fatalf("%+v %v", a, err)
	}
	for cut := range len(someAnswer) {
		if a, err := parseAnswer(someReports, []byte(someAnswer[:cut])); err == nil {
			t.Errorf("cut at %d: %+v", cut, a)
		}
	}
}

// FuzzAnswer: an answer that is taken names each report, or refuses one that it can't name.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(someAnswer))
	f.Add([]byte(`{"reports":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := parseAnswer(someReports, text)
		if err != nil {
			return
		}
		for i, r := range a.Reports {
			isNamed := r.Epoch == someReports[i].Epoch.String() && r.Sequence == someReports[i].Sequence
			if !isNamed && r.Result != uplink.Refused || len(a.Reports) != len(someReports) {
				t.Errorf("%q is a yes", text)
			}
		}
	})
}

// FuzzRetryAfter: no header makes the uploader wait for longer than an hour.
func FuzzRetryAfter(f *testing.F) {
	f.Add("30", "")
	f.Add("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:20:00 GMT")
	f.Fuzz(func(t *testing.T, after, date string) {
		h := http.Header{"Retry-After": {after}, "Date": {date}}
		if d := retryAfter(h, time.Unix(1_800_000_000, 0)); d < 0 || d > maxRetryAfter {
			t.Errorf("%s", d)
		}
	})
}

// FuzzPlain: what a sink says fits into a line, and can't command a terminal.
func FuzzPlain(f *testing.F) {
	f.Add("too deep")
	f.Add("\x1b[31m\u202e\n\xff" + strings.Repeat("ü", maxReason))
	f.Fuzz(func(t *testing.T, text string) {
		got := plain(text)
		isBad := func(r rune) bool { return !unicode.IsPrint(r) }
		if len(got) > maxReason || !utf8.ValidString(got) || strings.ContainsFunc(got, isBad) {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

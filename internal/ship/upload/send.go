// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/uplink"
)

// failure is why a request brought nothing.
type failure struct {
	text       string
	isFinal    bool          // only people can help
	retryAfter time.Duration // 0: the sink did not say
}

func (f *failure) Error() string { return f.text }

const (
	maxAnswer = 256 << 10 // bytes of an answer: 4 KiB a report
	maxReason = 200       // bytes of a sink's text that weir shows
)

// send sends reports as one request, and acts upon the answer.
func (u *Uploader) send(ctx context.Context, reports []spool.Report) (size int, err error) {
	body := reports[0].Body
	if len(reports) > 1 {
		body = nil
		for _, r := range reports {
			body = append(body, r.Body...)
		}
	}
	if len(body) > uplink.MaxBody {
		return 0, u.refuse(reports[0].Name, "the report is larger than a sink takes")
	}
	answer, err := u.post(ctx, reports, body)
	if err != nil {
		return len(body), err
	}
	if err := u.settle(reports, answer); err != nil {
		return len(body), err
	}
	u.succeeded(len(body), answer)
	return len(body), nil
}

// post makes the request, and returns the sink's yes. Without one it returns a failure, or nil if it has done something
// about it and the next request may follow at once.
func (u *Uploader) post(ctx context.Context, reports []spool.Report, body []byte) (*uplink.Reports, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRequest)
	defer cancel()
	u.mutex.Lock()
	u.state.Attempts++
	u.mutex.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{text: err.Error(), isFinal: true}
	}
	r.Header.Set("Content-Type", uplink.ContentType)
	r.Header.Set("User-Agent", "weir/"+u.config.Version)
	if encoding := reports[0].Encoding.Header(); encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	uplink.Sign(r, u.config.Key, u.config.Now().Add(u.offset), body)
	response, err := u.client.Do(r)
	if err != nil {
		if isTimeout(err) {
			u.count = max(1, len(reports)/2)
		}
		return nil, &failure{text: Explain(err)}
	}
	defer response.Body.Close()
	u.noteClock(response)
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, &failure{text: "the sink's answer broke off: " + Explain(err)}
	case response.StatusCode != http.StatusOK:
		return nil, u.problem(reports, response, text)
	}
	answer, err := parseAnswer(reports, text)
	if err != nil {
		u.count = max(1, len(reports)/2) // if it is one report that the sink takes for none or two, find it
		return nil, &failure{text: err.Error()}
	}
	return answer, nil
}

// parseAnswer reads the sink's yes to these reports.
func parseAnswer(reports []spool.Report, text []byte) (*uplink.Reports, error) {
	answer := new(uplink.Reports)
	if err := json.Unmarshal(text, answer); err != nil || len(text) > maxAnswer {
		return nil, errors.New("the sink's answer is none that weir understands; is this a weir-sink?")
	}
	if err := match(reports, answer.Reports); err != nil {
		return nil, err
	}
	return answer, nil
}

// match checks that the sink has answered about these reports.
func match(reports []spool.Report, receipts []uplink.Receipt) error {
	if len(receipts) != len(reports) {
		return fmt.Errorf("the sink answered about %d reports instead of %d", len(receipts), len(reports))
	}
	for i, r := range receipts {
		switch {
		case r.Result == uplink.Refused && (r.Epoch == "" || r.Sequence == 0): // a report that the sink can't read
		case r.Epoch != reports[i].Epoch.String() || r.Sequence != reports[i].Sequence:
			return errors.New("the sink answered about another report")
		case r.Result != uplink.Stored && r.Result != uplink.Duplicate && r.Result != uplink.Refused:
			return errors.New("the sink's answer has a result that weir does not know")
		}
	}
	return nil
}

// settle takes the answered reports off the queue. An error of the disk is the queue's to tell.
func (u *Uploader) settle(reports []spool.Report, answer *uplink.Reports) error {
	var done []spool.Name
	finish := func() error {
		if len(done) == 0 {
			return nil
		}
		if err := u.queue.Done(done...); errors.Is(err, spool.ErrOrder) {
			return &failure{text: err.Error()}
		}
		if u.config.Delivered != nil {
			u.config.Delivered(done)
		}
		done = nil
		return nil
	}
	for i, r := range answer.Reports {
		if r.Result != uplink.Refused {
			done = append(done, reports[i].Name)
			continue
		}
		if err := finish(); err != nil {
			return err
		}
		if err := u.refuse(reports[i].Name, r.Reason); err != nil {
			return err
		}
	}
	return finish()
}

func (u *Uploader) refuse(name spool.Name, reason string) error {
	if err := u.queue.Refuse(name, plain(reason)); errors.Is(err, spool.ErrOrder) {
		return &failure{text: err.Error()}
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.state.Refused++
	return nil
}

func (u *Uploader) succeeded(size int, answer *uplink.Reports) {
	u.failures, u.hasNewOffset = 0, false
	u.count = min(u.count+1, uplink.MaxCount)
	u.mutex.Lock()
	now := time.Now()
	if u.state.Phase != Connected {
		u.state.Phase, u.state.Since = Connected, now
	}
	u.state.LastSuccess, u.state.NextAttempt, u.state.Error = now, time.Time{}, ""
	u.state.Bytes += uint64(size)
	for _, r := range answer.Reports {
		switch r.Result {
		case uplink.Duplicate:
			u.state.Duplicates++
			fallthrough
		case uplink.Stored:
			u.state.Sent++
		}
	}
	u.mutex.Unlock()
	if answer.WholeFlows && u.config.WholeFlows != nil {
		u.config.WholeFlows()
	}
}

// errAgain is that of a request whose cause of failure is removed: the next one may follow at once.
var errAgain = errors.New("again")

// problem acts upon an answer that is no yes.
func (u *Uploader) problem(reports []spool.Report, response *http.Response, text []byte) error {
	var p uplink.Problem
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "application/problem+json" {
		_ = json.Unmarshal(text, &p) // what is not understood is not shown
	}
	f := &failure{text: fmt.Sprintf("the sink answered %d", response.StatusCode)}
	if title := plain(p.Title); title != "" {
		f.text += ": " + title
	}
	switch status := response.StatusCode; {
	case status == http.StatusRequestEntityTooLarge || status == http.StatusBadRequest && p.Status == status:
		// Without a problem's body, 400 comes from something in between, which judges no report.
		if len(reports) > 1 {
			u.count = len(reports) / 2
			return errAgain
		}
		if err := u.refuse(reports[0].Name, f.text); err != nil {
			return err
		}
		return errAgain
	case status == http.StatusUnauthorized && p.Type == uplink.ProblemClock:
		return u.correctClock(response, f)
	case status == http.StatusUnauthorized && p.Type == uplink.ProblemUnknownAgent:
		f.text, f.isFinal = "the sink does not know this agent; enrol it again (weir enrol)", true
	case status >= 300 && status < 400:
		f.text, f.isFinal = "the sink redirects to another address, which weir does not follow", true
	case status == http.StatusTooManyRequests || status >= 500:
		f.retryAfter = retryAfter(response.Header, u.config.Now())
	case status == http.StatusRequestTimeout: // the link is slow
		u.count = max(1, len(reports)/2)
	default:
		f.isFinal = true
	}
	return f
}

// correctClock takes the sink's time for the signatures. A second complaint in succession is a failure.
func (u *Uploader) correctClock(response *http.Response, f *failure) error {
	f.text = "the sink says that this gateway's clock is wrong"
	offset, ok := u.clockOffset(response)
	if !ok {
		return f
	}
	u.offset = offset
	if u.hasNewOffset {
		return f
	}
	u.hasNewOffset = true
	return errAgain
}

// clockOffset returns the sink's clock less ours, by a Date that is cut to the second.
func (u *Uploader) clockOffset(response *http.Response) (offset time.Duration, ok bool) {
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return at.Add(time.Second / 2).Sub(u.config.Now()), true
}

// noteClock notes the sink's clock for the state.
func (u *Uploader) noteClock(response *http.Response) {
	if offset, ok := u.clockOffset(response); ok {
		u.mutex.Lock()
		u.state.ClockOffset, u.state.HasClockOffset = offset, true
		u.mutex.Unlock()
	}
}

// retryAfter reads Retry-After (RFC 9110, section 10.2.3), which counts from the sink's own Date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}

// plain makes another's text fit for a line of ours.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text[:min(len(text), maxReason)])
	return strings.Join(strings.Fields(text), " ")
}

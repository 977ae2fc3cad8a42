// SPDX-License-Identifier: Apache-2.0

// Package control lets other commands query a running agent over a Unix socket: a request and an answer, each one line
// of JSON. The socket file's permissions decide who may ask.
package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/metric"
)

// Request is a question: it sets one of its members.
type Request struct {
	// Explain is a flow's id, or the beginning of one, or an address.
	Explain string `json:"explain,omitempty"`
	Hosts   bool   `json:"hosts,omitempty"` // list the devices of the LAN
	// Counters requests the counters of losses.
	Counters bool `json:"counters,omitempty"`
	// Status requests what is watched, and what becomes of reports.
	Status bool `json:"status,omitempty"`
	// Reload makes the agent read its settings anew, and say what became of each changed one.
	Reload bool `json:"reload,omitempty"`
	// Metrics requests all that the agent measures.
	Metrics bool `json:"metrics,omitempty"`
	// History requests the traffic of the last hour.
	History bool `json:"history,omitempty"`
	// Flows requests flow records. The answer is a Hello; the records follow, each a line of JSON.
	Flows *Flows `json:"flows,omitempty"`
	// Exported tells what the process export has done so far.
	Exported *Exported `json:"exported,omitempty"`
	// Token is what a listener for other machines wants to see (internal/export/stream).
	Token string `json:"token,omitempty"`
}

// Flows requests records of flows: the latest ones that the agent remembers, and then those to come.
type Flows struct {
	// Types are the types of records to send, see record.ParseTypes; none: flow. Only flow records are past.
	Types  []string `json:"types,omitempty"`
	Filter string   `json:"filter,omitempty"` // in the filter language
	Last   int      `json:"last,omitempty"`   // at most so many that are past; 0: none
	// SinceMillis leaves out flows whose last packet is older; 0: none.
	SinceMillis int64 `json:"since_ms,omitempty"`
	Follow      bool  `json:"follow,omitempty"` // also those to come
	// After resumes a stream: it requests all remembered records after this position, instead of Last. What the agent
	// no longer remembers is told as Dropped.
	After *Position `json:"after,omitempty"`
	// EveryMillis is how often a live flow with new packets is sent; 0: every 5 seconds. A weir that sends it more
	// often for another reason does so here too.
	EveryMillis int64 `json:"every_ms,omitempty"`
	// Ended leaves out records of live flows, which the agent then need not make.
	Ended bool `json:"ended,omitempty"`
}

// Hello precedes flow records.
type Hello struct {
	Version int `json:"version"` // of this exchange: FlowsVersion
	// Position is that of the newest record when the exchange began.
	Position
}

// Position is a place in the stream of all records, whatever a request selects of them.
type Position struct {
	Epoch    string `json:"epoch,omitempty"` // differs after a restart of the sender
	Sequence uint64 `json:"sequence"`        // of the newest record; the first has 1
}

// PositionLine is a line among flow records: what comes after it comes after this position.
type PositionLine struct {
	Type string `json:"type"` // "position"
	Position
}

// FlowsVersion grows when flow records can no longer be read as before.
const FlowsVersion = 1

// Dropped is a line among flow records, in place of those for which the client was too slow, or that are no longer
// remembered when it resumes: at most so many, as nobody knows which of these it would have selected.
type Dropped struct {
	Type    string `json:"type"` // "dropped"
	Records uint64 `json:"records"`
}

// Answer is the agent's reply.
type Answer struct {
	Error string          `json:"error,omitempty"`
	Lines []string        `json:"lines,omitempty"` // for people
	Hosts json.RawMessage `json:"hosts,omitempty"` // a list of hosts.Host
	// Counters is a Counters in JSON.
	Counters json.RawMessage `json:"counters,omitempty"`
	// Status is a Status in JSON.
	Status json.RawMessage `json:"status,omitempty"`
	// Metrics is a Metrics in JSON.
	Metrics json.RawMessage `json:"metrics,omitempty"`
	// History is a tally.Past in JSON.
	History json.RawMessage `json:"history,omitempty"`
	Hello   *Hello          `json:"hello,omitempty"`
	// Stream, unless nil, serves the connection after the answer, until it returns.
	Stream func(net.Conn) `json:"-"`
}

// Counters holds the agent's loss counters that are not 0.
type Counters struct {
	Mode     string           `json:"mode"`
	Seconds  int64            `json:"seconds"` // since the start
	Readings []metric.Reading `json:"readings"`
}

// Status says what an agent watches, and what becomes of its reports.
type Status struct {
	Mode       string   `json:"mode"`
	Seconds    int64    `json:"seconds"` // since the start
	Interfaces []string `json:"interfaces"`
	Packets    uint64   `json:"packets"`
	Flows      uint64   `json:"flows"`            // begun
	Restarts   bool     `json:"restarts"`         // at SIGUSR2 to Owner it restarts in place
	Uplink     *Uplink  `json:"uplink,omitempty"` // nil: reports go to no sink
	// Exported is what the process export last told; nil: nothing.
	Exported *Exported `json:"exported,omitempty"`
}

// Uplink is what becomes of reports on their way to a sink.
type Uplink struct {
	// Ready: the process that stores and sends reports has begun.
	Ready      bool   `json:"ready"`
	Connected  bool   `json:"connected"` // the sink took the last request
	Agent      string `json:"agent,omitempty"`
	Epoch      string `json:"epoch,omitempty"`
	Next       uint64 `json:"next_sequence,omitempty"`
	Queued     uint64 `json:"queued"` // reports
	SpoolBytes uint64 `json:"spool_bytes"`
	Lost       uint64 `json:"lost"`    // reports, since the start
	Refused    uint64 `json:"refused"` // reports, since the start
	Problem    string `json:"problem,omitempty"`
}

// Exported is what the process export has done since it started.
type Exported struct {
	ID      string        `json:"id"` // of the process: its counts begin at 0
	Outputs []OutputState `json:"outputs"`
	Dropped uint64        `json:"dropped"` // records, which the agent dropped since the process read them too slowly
	Unread  uint64        `json:"unread"`  // lines, which are no record

	Listeners []ListenerState `json:"listeners,omitempty"`
}

// ListenerState is how a listener is.
type ListenerState struct {
	At      string `json:"at"`      // URL
	Clients int    `json:"clients"` // that it serves
	Limit   int    `json:"limit"`   // 0: it does not count them
}

// OutputState is what became of the records of an output.
type OutputState struct {
	Kind    string `json:"kind"`
	To      string `json:"to"`
	Written uint64 `json:"written"` // records
	Dropped uint64 `json:"dropped"` // records, by a full queue
	Failed  uint64 `json:"failed"`  // records, which the output could not write
	Waiting int    `json:"waiting"` // records
	Problem string `json:"problem,omitempty"`
}

const (
	maxRequest = 32 << 10
	maxAnswer  = 32 << 20
	// timeout bounds each side's wait for the other.
	timeout = 5 * time.Second
	// requestTime bounds the agent's wait for a request, which a client sends at once.
	requestTime = time.Second
	// maxClients bounds the clients served at once. Others wait, for at most these two times.
	maxClients = 8
)

// Listen makes the socket, and replaces one that a killed agent left behind. Closing the listener removes the file.
func Listen(path string) (*net.UnixListener, error) {
	if err := makeFolder(path); err != nil {
		return nil, fmt.Errorf("make the socket %s: %w", path, err)
	}
	l, err := listen(path)
	if errors.Is(err, unix.EADDRINUSE) {
		c, dialErr := net.Dial("unix", path)
		if dialErr == nil {
			c.Close()
			return nil, fmt.Errorf("another weir answers at %s", path)
		}
		info, statErr := os.Lstat(path)
		isSocket := statErr == nil && info.Mode()&os.ModeSocket != 0
		if errors.Is(dialErr, unix.ECONNREFUSED) && isSocket && os.Remove(path) == nil {
			l, err = listen(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make the socket %s: %w", path, err)
	}
	return l, nil
}

// listen makes a socket that only this user can open.
func listen(path string) (*net.UnixListener, error) {
	mask := unix.Umask(0o177)
	defer unix.Umask(mask)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// Serve answers requests until the listener is closed.
func Serve(l net.Listener, answer func(*Request) *Answer) {
	serving := make(chan struct{}, maxClients)
	for {
		serving <- struct{}{}
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no free descriptor
			time.Sleep(100 * time.Millisecond) // no event reports a free one
			<-serving
			continue
		}
		go func() {
			defer c.Close()
			stream := serve(c, answer)
			<-serving
			if stream != nil {
				stream(c)
			}
		}()
	}
}

// serve answers a request, and returns what follows the answer.
func serve(c net.Conn, answer func(*Request) *Answer) (stream func(net.Conn)) {
	_ = c.SetDeadline(time.Now().Add(requestTime))
	var r Request
	var a *Answer
	line, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		a = &Answer{Error: "the request is not one line of JSON"}
	} else {
		a = answer(&r)
	}
	text, err := json.Marshal(a)
	if err != nil {
		text = []byte(`{"error":"the answer can't be written"}`)
	}
	_ = c.SetDeadline(time.Now().Add(timeout))
	_, _ = c.Write(append(text, '\n')) // the client may have gone
	_ = c.SetDeadline(time.Time{})
	return a.Stream
}

// ErrNotRunning means that no agent answers at a path.
var ErrNotRunning = errors.New("no weir answers")

// Ask queries the agent at a path. It returns an Answer's Error as an error. It trusts only an agent of root or of this
// user, and escapes unprintable characters in the answer's texts; Hosts, Counters, Status and History stay JSON.
func Ask(path string, r *Request) (*Answer, error) {
	c, err := dial(path)
	if err != nil {
		return nil, err
	}
	return AskOver(c, r)
}

// AskOver is Ask over a connection to an agent that is trusted already. It closes the connection.
func AskOver(c net.Conn, r *Request) (*Answer, error) {
	defer c.Close()
	return ask(c, bufio.NewReader(io.LimitReader(c, maxAnswer)), r)
}

// Stream has flow records, a line each, until it is closed or the sender ends.
type Stream struct {
	io.Reader
	io.Closer
	Hello Hello
}

// Follow requests flow records of the agent at a path.
func Follow(path string, f *Flows) (*Stream, error) {
	c, err := dial(path)
	if err != nil {
		return nil, err
	}
	return FollowOver(c, &Request{Flows: f})
}

// FollowOver requests flow records over a connection, which it closes on an error.
func FollowOver(c net.Conn, r *Request) (*Stream, error) {
	buffered := bufio.NewReader(c)
	a, err := ask(c, buffered, r)
	if err == nil && (a.Hello == nil || a.Hello.Version != FlowsVersion) {
		err = errors.New("the running weir is of another version: it sends no flows that this one can read")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return &Stream{Reader: buffered, Closer: c, Hello: *a.Hello}, nil
}

// dial connects to the agent at a path, if it is one of root or of this user.
func dial(path string) (net.Conn, error) {
	if err := checkFolder(path); err != nil {
		return nil, fmt.Errorf("ask weir: %w", err)
	}
	c, err := net.DialTimeout("unix", path, timeout)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%w at %s", ErrNotRunning, path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("may not open %s: ask as the user who started weir, or as root", path)
	case err != nil:
		return nil, fmt.Errorf("ask weir: %w", err)
	}
	if err := checkPeer(c, path); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// ask sends a request, and reads the answer's line.
func ask(c net.Conn, in *bufio.Reader, r *Request) (*Answer, error) {
	_ = c.SetDeadline(time.Now().Add(timeout))
	text, err := json.Marshal(r)
	if err == nil {
		_, err = c.Write(append(text, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("ask weir: %w", err)
	}
	var a Answer
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		return nil, fmt.Errorf("read weir's answer: %w", err)
	}
	if a.Error != "" {
		lines := strings.Split(a.Error, "\n")
		for i := range lines {
			lines[i] = Printable(lines[i])
		}
		return nil, errors.New(strings.Join(lines, "\n"))
	}
	for i := range a.Lines {
		a.Lines[i] = Printable(a.Lines[i])
	}
	return &a, nil
}

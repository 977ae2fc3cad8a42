// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/netifyd"
	"github.com/weirnet/weir/internal/record"
)

// netifydClient is a client that reads the messages of the Netify agent.
type netifydClient struct {
	*Server
	conn net.Conn

	mu         sync.Mutex // guards what follows: records and states share the connection
	translator *netifyd.Translator
	buffer     []byte
	dropped    uint64 // records, as this client was too slow for them
}

// serveNetifyd sends messages until the client goes. What it sends is ignored.
func (s *Server) serveNetifyd(ctx context.Context, a export.Feed, c net.Conn) error {
	in, err := a.Follow(&control.Flows{Filter: s.Where, Follow: true})
	if err != nil {
		return refusal{err}
	}
	defer in.Close()
	_ = c.SetDeadline(time.Time{})
	n := &netifydClient{Server: s, conn: c, translator: netifyd.NewTranslator(s.Netifyd)}
	if err := n.send(true, func(b []byte) []byte {
		return netifyd.AppendHello(b, s.version, s.protocols)
	}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() { n.tellStatus(ctx, a) })
	defer telling.Wait()
	defer c.Close() // a status may wait for this client
	defer stop()
	go func() { // ends with the connection
		_, _ = io.Copy(io.Discard, c)
		in.Close()
	}()
	return n.records(in)
}

// records sends what follows from the agent's records.
func (n *netifydClient) records(in io.Reader) error {
	lines := record.NewLines(in)
	var f record.Flow
	for {
		line, err := lines.Next()
		if err != nil {
			return err
		}
		isLast := !lines.HasMore()
		isRecord := f.Read(line) == nil
		if !isRecord {
			n.other(line)
		}
		if err := n.send(isLast, func(b []byte) []byte {
			if isRecord {
				b = n.translator.Append(b, &f)
			}
			return b
		}); err != nil {
			return err
		}
	}
}

// other takes a line that is no record.
func (n *netifydClient) other(line []byte) {
	var d control.Dropped
	if json.Unmarshal(line, &d) == nil && d.Type == "dropped" {
		n.mu.Lock()
		n.dropped += d.Records
		n.mu.Unlock()
	}
}

// send appends messages to those that wait, and writes them if it is time, or if they are many.
func (n *netifydClient) send(isTime bool, messages func([]byte) []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buffer = messages(n.buffer)
	if len(n.buffer) == 0 || !isTime && len(n.buffer) < pieceBytes {
		return nil
	}
	_ = n.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := n.conn.Write(n.buffer)
	n.buffer = n.buffer[:0]
	return err
}

// tellStatus sends an agent_status now and each interval, until ctx ends.
func (n *netifydClient) tellStatus(ctx context.Context, a export.Feed) {
	every := time.NewTicker(n.Status)
	defer every.Stop()
	for {
		s := n.status(a)
		if err := n.send(true, func(b []byte) []byte {
			s.Dropped = n.dropped
			return n.translator.AppendStatus(b, s)
		}); err != nil {
			return
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// status asks for the state of the agent.
func (n *netifydClient) status(a export.Feed) *netifyd.Status {
	s := &netifyd.Status{Version: n.version, Time: time.Now(), Interval: n.Status, Cores: runtime.NumCPU()}
	var told control.Metrics
	answer, err := a.Ask(&control.Request{Metrics: true})
	if err != nil || json.Unmarshal(answer.Metrics, &told) != nil {
		return s
	}
	s.Uptime = time.Duration(told.Seconds * float64(time.Second))
	for _, i := range told.Interfaces {
		s.Interfaces = append(s.Interfaces, i.Name)
	}
	for _, p := range told.Processes {
		s.UserCPU += p.UserSeconds
		s.SystemCPU += p.SystemSeconds
		s.ResidentBytes += p.ResidentBytes
	}
	return s
}

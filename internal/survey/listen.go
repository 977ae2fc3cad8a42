// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/sandbox"
)

const (
	snapLength  = 512     // captured bytes of a frame: enough for a router advertisement's prefixes
	ringBytes   = 4 << 20 // of all interfaces together
	maxNetworks = 256
	maxResult   = 64 << 10 // bytes
)

// order configures the confined process. It receives the interfaces' sockets in their order.
type order struct {
	Interfaces []uint32
	Duration   time.Duration
	Ring       afpacket.Geometry
}

// Result is what the survey saw.
type Result struct {
	Packets  uint64    `json:"packets"`
	Dropped  uint64    `json:"dropped,omitempty"` // by the kernel, for want of room
	Networks []Network `json:"networks"`
	Error    string    `json:"error,omitempty"` // why it ended early
}

// Listen watches interfaces, given by their indices, for a time, or until SIGINT, SIGTERM or SIGHUP. It opens the
// sockets, which needs CAP_NET_RAW; another process without rights reads the packets: this program again, started with
// args, which has to call Run if sandbox.Inside.
func Listen(interfaces []uint32, d time.Duration, args []string) (*Result, error) {
	if len(interfaces) > helper.MaxFDs {
		return nil, fmt.Errorf("%d interfaces are too many to listen to; name some with --interface", len(interfaces))
	}
	o := order{interfaces, d, afpacket.GeometryFor(ringBytes, len(interfaces))}
	var sockets []int
	defer func() {
		for _, fd := range sockets {
			_ = unix.Close(fd) // the other process has its own
		}
	}()
	for _, index := range interfaces {
		port, err := afpacket.Open(afpacket.Config{Interface: index, Geometry: o.Ring, Promiscuous: true,
			Filter: afpacket.SnapFilter(snapLength)})
		if err != nil {
			return nil, fmt.Errorf("listen to interface %d: %w", index, err)
		}
		sockets = append(sockets, port.Sockets...)
	}
	payload, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	child, err := sandbox.Start(sandbox.Config{Args: args})
	if err != nil {
		return nil, err
	}
	defer child.Conn.Close()
	if err := helper.SendSetup(child.Conn, helper.Setup{Mode: "survey", Payload: payload, FDs: sockets}); err != nil {
		return nil, errors.Join(err, stop(child))
	}
	forward(child)
	result, err := readResult(child.Conn, d+10*time.Second)
	if err != nil {
		return nil, errors.Join(err, stop(child))
	}
	_, err = child.Wait()
	return result, err
}

// stop ends the confined process after a failure.
func stop(child *sandbox.Child) error {
	if err := child.Signal(os.Kill); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := child.Wait()
	return err
}

// forward passes stop signals on to the confined process while it lives.
func forward(child *sandbox.Child) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case s := <-signals:
				_ = child.Signal(s) // too late for one that has ended
			case <-child.Done():
				return
			}
		}
	}()
}

func readResult(conn *net.UnixConn, timeout time.Duration) (*Result, error) {
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	b := make([]byte, maxResult)
	n, err := conn.Read(b)
	if errors.Is(err, io.EOF) || err == nil && n == 0 {
		return nil, errors.New("the listening process ended without a result")
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the listening process: %w", err)
	}
	r := new(Result)
	if err := json.Unmarshal(b[:n], r); err != nil {
		return nil, fmt.Errorf("read what the listening process found: %w", err)
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	return r, nil
}

// Run is the confined process: it reads packets, and sends the Result.
func Run() error {
	conn, err := sandbox.Conn()
	if err != nil {
		return err
	}
	client, first, err := helper.NewClient(conn)
	if err != nil {
		return err
	}
	defer client.Close()
	result, err := listen(&first)
	if err != nil {
		result = &Result{Error: err.Error()}
	}
	b, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if _, err := conn.Write(b); err != nil {
		return fmt.Errorf("send the result: %w", err)
	}
	return nil
}

func listen(first *helper.Setup) (*Result, error) {
	var o order
	if err := json.Unmarshal(first.Payload, &o); err != nil {
		return nil, fmt.Errorf("read the order: %w", err)
	}
	if len(first.FDs) != len(o.Interfaces) {
		return nil, fmt.Errorf("%d sockets for %d interfaces", len(first.FDs), len(o.Interfaces))
	}
	source, err := afpacket.NewSource(false)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	for i, fd := range first.FDs {
		ring, err := afpacket.NewRing(fd, o.Interfaces[i], o.Ring)
		if err == nil {
			err = source.Add(ring)
		}
		if err != nil {
			return nil, err
		}
	}
	stopped := sandbox.StopSignals()
	if _, err := sandbox.Confine(); err != nil {
		return nil, err
	}
	var s Survey
	over := time.NewTimer(o.Duration)
	defer over.Stop()
	for {
		err := source.Read(100*time.Millisecond, func(f *capture.Frame) { s.Frame(f.Link, f.Data, f.Length) })
		if err != nil {
			return nil, err
		}
		select {
		case <-over.C:
		case <-stopped:
		default:
			continue
		}
		var losses capture.Losses
		source.Losses(&losses)
		networks := s.Networks()
		return &Result{Packets: s.Packets, Dropped: losses.RingFull,
			Networks: networks[:min(len(networks), maxNetworks)]}, nil
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

// routed is one measurement through the gateway.
type routed struct{ tcp, udp float64 } // Gbit/s, packets/s

const (
	tcpSeconds = 1
	udpFor     = 700 * time.Millisecond
	udpFlows   = 64
)

// measureGateway measures the throughput of a gateway with masquerade while each observer watches, in turn.
func measureGateway(t *table, weir string, runs int) error {
	observers := present(t, weirOn(weir, "lan0", "wan0"),
		observer{"ndpiReader -i lan0", []string{"ndpiReader", "-q", "-i", "lan0"}},
		observer{"tcpdump -i lan0 -w /dev/null", []string{"tcpdump", "-q", "-i", "lan0", "-w", "/dev/null"}})
	if _, err := exec.LookPath("iperf3"); err != nil {
		t.skip("throughput through a gateway", "iperf3 is not installed")
		return nil
	}
	l := makeLab(t, "throughput through a gateway", func() (*lab.Lab, error) { return lab.Make(lab.Options{}) })
	if l == nil {
		return nil
	}
	defer l.Close()
	server, err := l.Servers[0].Start(exec.Command("iperf3", "-s"))
	if err != nil {
		return err
	}
	defer server.Stop(time.Second)
	unmeasured(300 * time.Millisecond)
	frames, err := gatewayFrames(l)
	if err != nil {
		return err
	}
	// Nobody watches before and after each observer: the mean is its baseline, since machines are never quite idle.
	nobody := observer{name: "nobody"}
	var free []routed
	samples := make([][]loss, len(observers))
	before, err := throughGateway(l, nobody, frames) // warms up
	for range runs {
		for i, o := range observers {
			var with, after routed
			if err == nil {
				with, err = throughGateway(l, o, frames)
			}
			if err == nil {
				after, err = throughGateway(l, nobody, frames)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
			samples[i] = append(samples[i], loss{with, share(with.tcp, before.tcp, after.tcp),
				share(with.udp, before.udp, after.udp)})
			free = append(free, after)
			before = after
		}
	}
	showGateway(t, observers, free, samples)
	return nil
}

// loss is the throughput with an observer, and the losses in percent.
type loss struct {
	routed
	tcpLost, udpLost float64
}

// share returns by how many percent with is below the mean of before and after.
func share(with, before, after float64) float64 { return 100 * (1 - 2*with/(before+after)) }

func showGateway(t *table, observers []observer, free []routed, samples [][]loss) {
	for _, k := range []struct {
		name, unit string
		goal       float64
		of         func(routed) float64
		lost       func(loss) float64
	}{
		{"TCP (iperf3) through a gateway", "Gbit/s", 3, func(r routed) float64 { return r.tcp }, func(l loss) float64 {
			return l.tcpLost
		}},
		{"UDP packets of 64 bytes through a gateway", "k/s", 10, func(r routed) float64 { return r.udp / 1e3 },
			func(l loss) float64 { return l.udpLost }},
	} {
		t.figure(k.name+", nobody watches", 0, k.unit, each(free, k.of))
		for i, o := range observers {
			goal := 0.0
			if o.name == "weir" {
				goal = k.goal
			}
			t.figure("… lost with "+o.name, goal, "%", each(samples[i], k.lost))
		}
	}
}

func each[T any](of []T, f func(T) float64) []float64 {
	v := make([]float64, len(of))
	for i, x := range of {
		v[i] = f(x)
	}
	return v
}

// throughGateway makes one measurement with one observer.
func throughGateway(l *lab.Lab, o observer, frames [][]byte) (r routed, err error) {
	w, err := o.start(l.Gateway)
	if err != nil {
		return r, err
	}
	if r.tcp, err = iperf(l); err == nil {
		r.udp, err = flood(l, frames)
	}
	_, _, stopErr := w.stop()
	return r, errors.Join(err, stopErr)
}

// iperf sends TCP from client to server, and returns the Gbit/s received.
func iperf(l *lab.Lab) (float64, error) {
	out, err := l.Clients[0].Run(context.Background(), "iperf3", "-J", "-t", fmt.Sprint(tcpSeconds), "-c",
		l.Servers[0].Addr4.String())
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	var result struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		return 0, fmt.Errorf("iperf3: %w", err)
	}
	return result.End.Received.Rate / 1e9, nil
}

// flood makes the client send small datagrams at full speed, and returns how many a second reach the server.
func flood(l *lab.Lab, frames [][]byte) (float64, error) {
	before, err := l.Servers[0].Counters("eth0")
	if err != nil {
		return 0, err
	}
	sent, err := l.Clients[0].SendFrames(context.Background(), "eth0", frames, lab.Sending{Duration: udpFor})
	if err != nil {
		return 0, err
	}
	after, err := l.Servers[0].Counters("eth0")
	if err != nil {
		return 0, err
	}
	return float64(after.RxPackets-before.RxPackets) / sent.Elapsed.Seconds(), nil
}

// gatewayFrames returns datagrams for an address that the gateway routes to the server without it being the server's:
// nobody answers.
func gatewayFrames(l *lab.Lab) (frames [][]byte, err error) {
	from, err := l.Clients[0].Link("eth0")
	if err != nil {
		return nil, err
	}
	to, err := l.Gateway.Link("lan0")
	if err != nil {
		return nil, err
	}
	for i := range udpFlows {
		f := udpFrame(60) // and 4 bytes of checksum on a wire
		address(f, from.HardwareAddr, to.HardwareAddr, l.Clients[0].Addr4, netip.MustParseAddr("203.0.113.9"))
		binary.BigEndian.PutUint16(f[34:], uint16(20000+i))
		frames = append(frames, f)
	}
	return frames, nil
}

// address sets the addresses and the header checksum of an IPv4 frame.
func address(f []byte, from, to net.HardwareAddr, src, dst netip.Addr) {
	copy(f, to)
	copy(f[6:], from)
	copy(f[26:], src.AsSlice())
	copy(f[30:], dst.AsSlice())
	checksum(f)
}

// checksum sets the checksum of the IPv4 header (RFC 791 §3.1).
func checksum(f []byte) {
	f[24], f[25] = 0, 0
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum))
}

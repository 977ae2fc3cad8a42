// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"math/bits"
	"time"

	"github.com/weirnet/weir/internal/packet"
)

// The rules of a connection's life: when it is answered, ends, goes on after an end, is idle, or is replaced by another
// one with the same key. Both workers of the engine follow them, and bpf/flow.h has a twin of IsReplaced.
// flowtest.Cases tests all of them together.

// TCP holds marks of a TCP connection.
type TCP uint8

// The marks of TCP.
const (
	FINFromClient TCP = 1 << iota
	FINFromServer
	Handshake   // the first packet was a SYN, with or without ACK: client and initial sequence number are known
	endIsQueued // Table.ended has an item for this flow
	outlived    // packets came well after the end; see Heard
	repeats     // one side retransmits; see pause

	finFromBoth = FINFromClient | FINFromServer
)

// reuseAfter is how long a connection must have been silent before a SYN with another sequence number begins a new one
// although no end was seen. An earlier SYN may be a trick to split the flow.
const reuseAfter = int64(30 * time.Second)

// outlivedAfter is the age, since a connection's end, from which its packets were no longer in flight: one side missed
// the end and retransmits, at growing intervals (RFC 6298 §5.5).
const outlivedAfter = int64(time.Second)

// Heard notes a packet's time. Call it before the other rules.
func (f *Flow) Heard(at int64) {
	if at-f.Last >= shortPause || f.pauses != 0 {
		f.pause(at)
		return
	}
	f.Last = max(f.Last, at)
}

const (
	// shortPause, half a second, is the longest that says nothing: bits.Len64 of longer ones is at least pauseBits.
	shortPause = int64(1) << (pauseBits - 1)
	pauseBits  = 30
	// longPause is one after which the next, twice as long, would exceed most idle times.
	longPause = int64(20 * time.Second)
	// growth is how many times the pauses doubled before that.
	growth = 3
)

// pause is Heard after a pause. Retransmissions show by pauses that double, until they are long. The lower four bits of
// f.pauses have the length of the last one, as a power of two, the others how many times the pauses doubled.
func (f *Flow) pause(at int64) {
	gap := at - f.Last
	if gap <= 0 {
		return
	}
	f.Last = at
	if f.State == Ended && gap >= outlivedAfter {
		f.TCP |= outlived
	}
	length := uint8(min(max(bits.Len64(uint64(gap))-pauseBits+1, 0), 15))
	before, doubled := f.pauses&15, f.pauses>>4
	if length < before || length > before+2 && before > 0 || length == 0 {
		f.pauses = length
		f.TCP &^= repeats
		return
	}
	if before > 0 {
		doubled = min(doubled+length-before, 15)
	}
	f.pauses = doubled<<4 | length
	if doubled >= growth && gap >= longPause {
		f.TCP |= repeats
	}
}

// Answer marks the flow as answered once both ends were heard.
func (f *Flow) Answer() {
	if f.State == OneWay && f.Packets[0] > 0 && f.Packets[1] > 0 {
		f.State = Answered
	}
}

// Follow takes the flags of a TCP packet from the client (way 0) or the server (way 1), which Packets and Bytes already
// count. It reports whether the flow ended or goes on after a reset; Table.Hasten is due then.
func (f *Flow) Follow(flags uint8, hasPayload bool, way int) (changed bool) {
	if flags&(packet.FIN|packet.RST) == 0 && f.State != Ended {
		return false // nearly always
	}
	return f.follow(flags, hasPayload, way)
}

func (f *Flow) follow(flags uint8, hasPayload bool, way int) bool {
	if flags&packet.FIN != 0 {
		f.TCP |= FINFromClient << way
	}
	isReset := flags&packet.RST != 0 || f.State == Ended && f.EndReason == Reset && !hasPayload
	return f.endBy(isReset)
}

// FollowReading takes the flags of all packets so far of the client and the server, counted elsewhere, without those of
// resets that payload revoked. Otherwise it is like Follow.
func (f *Flow) FollowReading(client, server uint8) (changed bool) {
	if client&packet.FIN != 0 {
		f.TCP |= FINFromClient
	}
	if server&packet.FIN != 0 {
		f.TCP |= FINFromServer
	}
	return f.endBy((client|server)&packet.RST != 0)
}

// endBy ends the flow after both ends' FINs, whatever reset came before or after, or by a reset. A revoked reset leaves
// the flow live: the receiver did not accept it, and anyone can send one.
func (f *Flow) endBy(isReset bool) (changed bool) {
	state, reason := f.State, f.EndReason
	switch {
	case f.TCP&finFromBoth == finFromBoth:
		f.State, f.EndReason = Ended, Closed
	case isReset:
		f.State, f.EndReason = Ended, Reset
	case state == Ended:
		f.State = OneWay
		f.Answer()
	}
	return f.State != state || f.EndReason != reason
}

// IsReplaced reports whether a SYN without ACK that comes at now begins another connection. isn is the initial sequence
// number of the flow's client (see Handshake), seq that of the SYN.
func (f *Flow) IsReplaced(isn, seq uint32, now int64) bool {
	switch {
	case f.State == Ended, f.TCP&Handshake == 0: // without a handshake: an older connection's rest
		return true
	case seq == isn: // a retransmission
		return false
	case f.TCP&finFromBoth != 0:
		return true
	}
	return f.State == Answered && now-f.Last > reuseAfter
}

// ReasonReplaced returns the end reason of a flow that another one with its key replaces.
func (f *Flow) ReasonReplaced() Reason {
	switch {
	case f.State == Ended:
		return f.EndReason
	case f.TCP&Handshake != 0 && f.TCP&finFromBoth != 0:
		return Closed
	}
	return Idle
}

// timeout returns how long a flow may be silent, in nanoseconds. An ended connection that one side still retransmits
// has the timeout of a live one, else each retransmission would be a flow.
func (c *Config) timeout(f *Flow, proto uint8) int64 {
	switch {
	case f.State == Ended && f.TCP&outlived != 0:
		return int64(c.TCPIdle)
	case f.State == OneWay && proto == packet.ProtoTCP && f.TCP&repeats != 0 && f.TCP&finFromBoth == 0:
		return int64(max(c.TCPIdle, c.Idle))
	case f.State == Ended:
		return int64(c.Linger)
	case f.State == Answered && proto == packet.ProtoTCP:
		return int64(c.TCPIdle)
	}
	return int64(c.Idle)
}

// IsIdle reports whether a flow last heard at last is over at now: it has been silent for its timeout, or the clock was
// set back by more than that.
func IsIdle(last, now, timeout int64) bool { return now-last >= timeout || last-now > timeout }

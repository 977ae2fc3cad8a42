// SPDX-License-Identifier: Apache-2.0

package ipfix

import (
	"encoding/binary"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// element is a field of a template: an element of IANA's registry with its length.
type element struct {
	id, length uint16
	isReverse  bool // of the other direction (RFC 5103, section 6.1)
}

const (
	// reversePEN is the enterprise number of reverse elements.
	reversePEN = 29305
	// variable is the length of elements that carry their own (RFC 7011, section 7).
	variable = 65535
	version  = 10

	headerBytes, setBytes = 16, 4
	setTemplates          = 2
	template4, template6  = 256, 257
)

// The elements of both templates: those of the addresses come first.
var (
	addresses4 = []element{{8, 4, false}, {12, 4, false}, {32, 2, false}}     // source, destination, icmpTypeCodeIPv4
	addresses6 = []element{{27, 16, false}, {28, 16, false}, {139, 2, false}} // source, destination, icmpTypeCodeIPv6
	common     = []element{
		{152, 8, false}, {153, 8, false}, // flowStartMilliseconds, flowEndMilliseconds
		{1, 8, false}, {2, 8, false}, // octetDeltaCount, packetDeltaCount
		{1, 8, true}, {2, 8, true},
		{7, 2, false}, {11, 2, false}, // sourceTransportPort, destinationTransportPort
		{58, 2, false},                                  // vlanId
		{4, 1, false}, {136, 1, false}, {239, 1, false}, // protocolIdentifier, flowEndReason, biflowDirection
		{56, 6, false}, {80, 6, false}, // sourceMacAddress, destinationMacAddress
		{82, variable, false}, // interfaceName
		{96, variable, false}, // applicationName
	}
)

// writer makes messages.
type writer struct {
	domain   uint32 // observation domain
	sequence uint32 // of the next data record
	buffer   []byte
	count    int // data records of the message
	set      int // where the last set of the message begins; 0: there is none
	setID    uint16
}

// begin begins a message (RFC 7011, section 3.1).
func (w *writer) begin(now time.Time) {
	b := append(w.buffer[:0], 0, version, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(now.Unix()))
	b = binary.BigEndian.AppendUint32(b, w.sequence)
	w.buffer = binary.BigEndian.AppendUint32(b, w.domain)
	w.count, w.set, w.setID = 0, 0, 0
}

// message ends a message and returns it.
func (w *writer) message() []byte {
	w.endSet()
	binary.BigEndian.PutUint16(w.buffer[2:], uint16(len(w.buffer)))
	return w.buffer
}

// endSet sets the length of the last set.
func (w *writer) endSet() {
	if w.set > 0 {
		binary.BigEndian.PutUint16(w.buffer[w.set+2:], uint16(len(w.buffer)-w.set))
	}
}

func (w *writer) beginSet(id uint16) {
	w.endSet()
	w.set, w.setID = len(w.buffer), id
	w.buffer = binary.BigEndian.AppendUint16(w.buffer, id)
	w.buffer = append(w.buffer, 0, 0)
}

// templates adds the templates (RFC 7011, section 3.4.1).
func (w *writer) templates() {
	w.beginSet(setTemplates)
	for _, t := range []struct {
		id    uint16
		first []element
	}{{template4, addresses4}, {template6, addresses6}} {
		b := binary.BigEndian.AppendUint16(w.buffer, t.id)
		b = binary.BigEndian.AppendUint16(b, uint16(len(t.first)+len(common)))
		for _, list := range [][]element{t.first, common} {
			for _, e := range list {
				id := e.id
				if e.isReverse {
					id |= 1 << 15
				}
				b = binary.BigEndian.AppendUint16(b, id)
				if b = binary.BigEndian.AppendUint16(b, e.length); e.isReverse {
					b = binary.BigEndian.AppendUint32(b, reversePEN)
				}
			}
		}
		w.buffer = b
	}
}

// add adds a flow, and reports whether there was room: a message without one takes it whatever its size.
func (w *writer) add(f *record.Flow, most int) bool {
	before := *w
	isIPv4 := f.Client.Addr.Addr().Unmap().Is4() && f.Server.Addr.Addr().Unmap().Is4()
	id := uint16(template6)
	if isIPv4 {
		id = template4
	}
	if w.setID != id {
		w.beginSet(id)
	}
	w.buffer = appendFlow(w.buffer, f, isIPv4)
	if w.count > 0 && len(w.buffer) > most {
		length := len(before.buffer)
		before.buffer = w.buffer[:length]
		*w = before
		return false
	}
	w.count++
	return true
}

// appendFlow appends the data record of a flow, whose source is the client.
func appendFlow(b []byte, f *record.Flow, isIPv4 bool) []byte {
	if isIPv4 {
		client, server := f.Client.Addr.Addr().Unmap().As4(), f.Server.Addr.Addr().Unmap().As4()
		b = append(append(b, client[:]...), server[:]...)
	} else {
		client, server := f.Client.Addr.Addr().As16(), f.Server.Addr.Addr().As16()
		b = append(append(b, client[:]...), server[:]...)
	}
	b = append(b, f.ICMPType, f.ICMPCode)
	for _, n := range []uint64{uint64(f.FirstSeen / 1e6), uint64(f.LastSeen / 1e6), f.Client.Bytes, f.Client.Packets,
		f.Server.Bytes, f.Server.Packets} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint16(b, f.Client.Addr.Port())
	b = binary.BigEndian.AppendUint16(b, f.Server.Addr.Port())
	vlan := uint16(0)
	if len(f.VLANs) > 0 {
		vlan = f.VLANs[0]
	}
	b = binary.BigEndian.AppendUint16(b, vlan)
	b = append(b, f.Proto, endReason(f), initiator)
	b = append(append(b, f.Client.MAC[:]...), f.Server.MAC[:]...)
	return appendText(appendText(b, f.Interface), f.Application)
}

// initiator is the biflowDirection of a source that began the flow (RFC 5103, section 6.3).
const initiator = 1

// endReason is the flowEndReason.
func endReason(f *record.Flow) byte {
	switch f.EndReason {
	case record.EndIdle:
		return 1
	case record.EndClosed, record.EndReset:
		return 3
	case record.EndShutdown:
		return 4 // forced
	case record.EndEvicted:
		return 5 // lack of resources
	}
	return 0 // unknown
}

// maxText bounds a text, so that its length has one byte.
const maxText = 254

func appendText(b []byte, text string) []byte {
	text = text[:min(len(text), maxText)]
	return append(append(b, byte(len(text))), text...)
}

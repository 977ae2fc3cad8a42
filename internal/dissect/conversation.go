// SPDX-License-Identifier: Apache-2.0

package dissect

import "net/netip"

// Conversation is a dissector's view of a flow's payload so far, in both directions. It and all its byte slices are
// valid only during one call of Inspect.
type Conversation struct {
	// Transport is TCP, UDP, SCTP or IP.
	Transport Transport
	// IPProtocol is the IP protocol number.
	IPProtocol uint8
	// IPv6: the flow runs over IPv6.
	IPv6 bool
	// Client and Server are the flow's ends: the client is the sender of the SYN, else the side whose port is no
	// service's, else the side seen first. In captures that begin in mid-flow they can be swapped.
	Client, Server netip.AddrPort
	// Midstream: the capture lacks the TCP flow's SYN, or memory was too short to keep its start, so streams begin
	// anywhere.
	Midstream bool
	// Last: no packet follows, so NeedMore counts as No.
	Last bool

	// Datagrams are the messages of UDP, SCTP and IP flows so far, the oldest first, at most MaxDatagrams and
	// MaxHistory bytes: of a longer flow, the first two and the newest remain. Never empty for those transports, always
	// empty for TCP. A dissector that refuses a datagram gets only later ones in its next call.
	Datagrams []Datagram

	toServer, toClient []byte // TCP
	serverFirst        bool
	isOther            bool // the streams are the less likely reading, see reading
}

// Datagram is one message of a flow that is not TCP.
type Datagram struct {
	// Payload is the captured part of the UDP payload, or of the whole IP payload for IP flows.
	Payload []byte
	// Length is the payload's length on the wire, larger than len(Payload) if the capture cut it.
	Length int
	// FromClient is the direction.
	FromClient bool
}

// ToServer returns the start of the client's TCP stream, in order and without gaps, at most MaxStream bytes; nil before
// its first byte.
func (c *Conversation) ToServer() []byte { return c.toServer }

// ToClient returns the start of the server's TCP stream, as ToServer.
func (c *Conversation) ToClient() []byte { return c.toClient }

// First returns the TCP stream of the side that spoke first, or the first datagram of other transports.
func (c *Conversation) First() []byte {
	if c.Transport != TCP {
		return c.Datagrams[0].Payload
	}
	if c.serverFirst {
		return c.toClient
	}
	return c.toServer
}

// Second returns the other TCP stream than First, nil before its first byte.
func (c *Conversation) Second() []byte {
	if c.serverFirst {
		return c.toServer
	}
	return c.toClient
}

// ServerFirst reports whether the server spoke first.
func (c *Conversation) ServerFirst() bool { return c.serverFirst }

// Newest returns the datagram that caused this call; not for TCP.
func (c *Conversation) Newest() *Datagram { return &c.Datagrams[len(c.Datagrams)-1] }

// HasPort reports whether either side's port is port.
func (c *Conversation) HasPort(port uint16) bool {
	return c.Client.Port() == port || c.Server.Port() == port
}

// SetStreams sets both TCP streams, for benchmarks that call Inspect themselves.
func (c *Conversation) SetStreams(toServer, toClient []byte) {
	c.toServer, c.toClient = toServer, toClient
}

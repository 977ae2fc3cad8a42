// SPDX-License-Identifier: Apache-2.0

package dissect

import "net/netip"

// Conversation is what both sides of a flow have said so far, as a dissector sees it. It is valid during one call of
// Inspect only, and so are all byte slices that it gives.
type Conversation struct {
	// Transport is TCP, UDP, SCTP or IP.
	Transport Transport
	// IPProtocol is the IP protocol number.
	IPProtocol uint8
	// IPv6 says that the flow runs over IPv6.
	IPv6 bool
	// Client and Server are the flow's ends: client is whoever sent the SYN, else the side whose port is not a
	// service's, else whoever was seen first. In captures that begin in mid-flow that can be the wrong way round.
	Client, Server netip.AddrPort
	// Midstream says that a TCP flow's SYN was not seen, or that there was no memory to keep its start: streams then
	// begin anywhere.
	Midstream bool
	// Last says that no more packets will be shown after this call: NeedMore now counts as No.
	Last bool

	// Datagrams are the messages so far of UDP, SCTP and IP flows, the oldest first, at most MaxDatagrams and
	// MaxHistory bytes: when there are more, those in the middle are missing; the first two and the newest are there.
	// Never empty for those transports; always empty for TCP. Those that came before this dissector's reading began are
	// left out: one that said no is asked again for what came later alone.
	Datagrams []Datagram

	toServer, toClient []byte // TCP
	serverFirst        bool
	isOther            bool // the streams are read in the less likely way, see reading
}

// Datagram is one message of a flow that is not TCP.
type Datagram struct {
	// Payload is what follows the UDP header, or the whole IP payload for IP flows, as far as it was captured.
	Payload []byte
	// Length is the payload's length on the wire; larger than len(Payload) where the capture cut it.
	Length int
	// FromClient is its direction.
	FromClient bool
}

// ToServer is the start of what the client sent over TCP, in order and without gaps, at most MaxStream bytes.
// Nil until something came.
func (c *Conversation) ToServer() []byte { return c.toServer }

// ToClient is the start of what the server sent over TCP, as ToServer.
func (c *Conversation) ToClient() []byte { return c.toClient }

// First is the stream of the side that spoke first, over TCP, and the first datagram elsewhere.
func (c *Conversation) First() []byte {
	if c.Transport != TCP {
		return c.Datagrams[0].Payload
	}
	if c.serverFirst {
		return c.toClient
	}
	return c.toServer
}

// Second is the stream of the other side than First over TCP, nil until it said something.
func (c *Conversation) Second() []byte {
	if c.serverFirst {
		return c.toServer
	}
	return c.toClient
}

// ServerFirst says that the server spoke first.
func (c *Conversation) ServerFirst() bool { return c.serverFirst }

// Newest is the datagram that caused this call; not for TCP.
func (c *Conversation) Newest() *Datagram { return &c.Datagrams[len(c.Datagrams)-1] }

// HasPort says whether either side's port is port.
func (c *Conversation) HasPort(port uint16) bool {
	return c.Client.Port() == port || c.Server.Port() == port
}

// SetStreams gives what both sides said over TCP, for benchmarks that call Inspect themselves.
func (c *Conversation) SetStreams(toServer, toClient []byte) {
	c.toServer, c.toClient = toServer, toClient
}

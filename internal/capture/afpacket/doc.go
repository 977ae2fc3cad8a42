// SPDX-License-Identifier: Apache-2.0

// Package afpacket captures through packet sockets (packet(7)) with memory-mapped TPACKET_V3 rings
// (Documentation/networking/packet_mmap.rst), Linux 4.12 and later.
//
// It has two halves. Open, in the process that has CAP_NET_RAW, makes one socket per worker for an interface, with its
// ring, filter and place in the fanout group. The descriptors go to the process without rights, where NewRing maps the
// ring and a Source per worker reads the rings of all interfaces.
//
// # Which frames count once
//
// A packet socket sees what an interface receives and what it sends. On the loopback interface that is every packet
// twice, so this package ignores what it sends. A packet that the machine forwards (or bridges) is received on one
// interface and sent on another. If both are watched it must not count twice:
//
//   - Once, an eBPF socket filter, drops a sent packet that was received on a watched interface: the kernel records
//     the receiving interface in the packet (skb_iif). This works under NAT too. A packet that a tunnel wraps counts as
//     the machine's own, as it should: the wrapped packet is another flow.
//   - OwnAddressFilter, a classic filter, is for kernels that refuse eBPF. Classic BPF cannot read skb_iif, so the
//     filter drops sent packets whose source is not an address of the machine. Its limits: masqueraded packets have the
//     machine's own address and count on both sides, under different addresses; a packet that came in by an
//     unwatched interface is lost; and when the addresses change the sockets must be opened anew.
//
// Neither handles a packet that is received twice, by a bridge port and then by its bridge: watch one of them.
//
// # Limits
//
// With GRO and TSO the kernel shows a run of segments as one frame, longer than the MTU: bytes are right but for the
// headers of the segments within, packets are fewer than on the wire. An ICMP error goes to the worker of its own
// addresses, which may not be the worker of the flow that it concerns; a tunnel to that of its outer addresses.
package afpacket

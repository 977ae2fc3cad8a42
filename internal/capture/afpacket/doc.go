// SPDX-License-Identifier: Apache-2.0

// Package afpacket captures through packet sockets (packet(7)) with memory-mapped TPACKET_V3 rings
// (Documentation/networking/packet_mmap.rst), Linux 4.12 and later.
//
// It has two halves. Open, in the process that has CAP_NET_RAW, makes one socket per worker for an interface, with its
// ring, filter and place in the fanout group. Its descriptors go to the process that has no right at all, where NewRing
// maps the ring and a Source per worker reads the rings of all interfaces.
//
// # Which frames are counted once
//
// A packet socket sees what an interface receives and what it sends. On the loopback interface that is every packet
// twice; what it sends is left out there. A packet that the machine forwards (or bridges) is received on one interface
// and sent on another. Where both are watched it must not be counted twice:
//
//   - Once, an eBPF socket filter, drops a sent packet that was received on a watched interface: it reads where from
//     the kernel's own note (skb_iif). This holds under NAT too. What a tunnel wraps anew counts as sent by the machine
//     itself, as it should: the wrapped packet is another flow.
//   - OwnAddressFilter, a classic filter, is for kernels that refuse eBPF. Classic BPF can't read the note, so the
//     filter drops sent packets whose source is no address of the machine. Its limits: masqueraded packets have the
//     machine's own address and are counted on both sides, under different addresses; a packet that came in by an
//     unwatched interface is lost; and when the addresses change the sockets must be opened anew.
//
// Neither knows of a packet that is received twice, by a bridge port and then by its bridge: watch one of them.
//
// # What it can't tell
//
// Under GRO and TSO the kernel shows a run of segments as one frame, longer than the MTU: bytes are right but for the
// headers of the segments within, packets are fewer than on the wire. An ICMP error is dealt to the worker of its own
// addresses, which need not be that of the flow that it speaks of; a tunnel to that of its outer addresses.
package afpacket

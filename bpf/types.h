/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs and the agent share. bpf2go makes the Go types of gen/bpf from these; sizes and places are asserted
 * on both sides.
 */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H

#include <linux/types.h>

/*
 * A flow's key, the same for both directions: flow.Key of the Go code, word for word. Addresses are two words in host
 * order, an IPv4 address in the second. "lower" is the end with the smaller (address, port).
 */
struct flow_key {
	__u64 lower_high, lower_low;
	__u64 upper_high, upper_low;
	__u64 rest; /* from the top: lower port, upper port, network (16 bits each), IP protocol, IP version (8 each) */
};

/* What one end of a flow sent. */
struct direction {
	__u64 packets; /* on the wire: segments, where the kernel or the card put several together */
	__u64 bytes; /* on the wire, from the network header on */
	__u64 last; /* CLOCK_MONOTONIC (coarse), ns */
};

/*
 * One life of one flow. The two ends' counters are in different cache lines, since their packets come in on different
 * CPUs. Slots of one array are handed out by a stack and given back by the agent after a rest, so that a packet under
 * way at the end of a flow still finds its counters where they were.
 */
struct slot {
	struct direction lower;
	struct flow_key key;

	struct direction upper;
	__u64 born; /* CLOCK_MONOTONIC of the first packet, ns; 0: the slot is free */
	__u32 ifindex;
	__u32 isn; /* TCP: the client's initial sequence number, if the first packet was a SYN, with or without ACK */
	__u8 lower_flags, upper_flags; /* TCP flags seen: SYN, FIN, and RST after which no payload came */
	__u8 marks; /* enum mark */
	__u8 icmp_type, icmp_code;
	__u8 first_flags; /* TCP: all flags of the first packet */
	__u8 pad[18];
};

enum mark {
	MARK_FIRST_FROM_UPPER = 1, /* the first packet was the upper end's */
	MARK_REPLACED = 2, /* another life of the same key began: no packet comes here any more */
};

/* What is looked at for each packet with payload of a slot's flow: it is in other cache lines than the counters. */
struct budget {
	__s32 packets; /* to be sampled still. The agent sets it: 0 ends the sampling of a flow, more extends it. */
	__u32 is_reset; /* slot.lower_flags or slot.upper_flags has RST */
};

/* What goes through a ring: this header, then the frame. */
struct record {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u64 born; /* of the slot */
	__u32 slot; /* which has counted the frame, or SLOT_NONE */
	__u32 ifindex;
	__u32 length; /* of the frame on the link, VLAN tag included */
	__u16 captured; /* of it are here */
	__u16 segments; /* packets that the frame was on the wire */
	__u8 link; /* enum link */
	__u8 from_upper; /* the upper end of the slot's key sent it */
	__u8 pad[14];
};

enum slot_number {
	SLOT_NONE = 0xffffffffU, /* capture.NotCounted */
};

/* packet.LinkType */
enum link {
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
};

/* What weir_slots reads: an operation, then slots. The helper runs it (BPF_PROG_TEST_RUN), a batch in a system call. */
enum slots_operation {
	SLOTS_RETIRE = 1, /* take their keys out of the flow map: no new packet finds them */
	SLOTS_RELEASE = 2, /* clear them and give them back */
	SLOTS_MAX = 768, /* of them in a batch, 3 KiB: what a test run takes is bounded by a page */
};

/* The filters' places in the map of shunts. */
enum shunt {
	SHUNT_ETHERNET,
	SHUNT_RAW,
};

/* Room for frames: a record has one of three sizes, since the verifier wants constants. */
enum room {
	RECORD_HEADER = 48,
	SMALL_FRAME = 256 - RECORD_HEADER,
	MEDIUM_FRAME = 640 - RECORD_HEADER,
	LARGE_FRAME = 1536,
};

/* Why a packet was not counted, or not sampled. Each has a counter for each CPU. */
enum cause {
	CAUSE_SAMPLED, /* records sent: no loss */
	CAUSE_RING_FULL, /* a record that found no room; the packet is counted where a slot was */
	CAUSE_MAP_FULL, /* no slot or no room in the flow map: the packet went to the agent to be counted */
	CAUSE_UNCOUNTED, /* and that record found no room: the packet is in no flow */
	CAUSE_NOT_IP,
	CAUSE_TRUNCATED, /* a header goes past the end of the frame */
	CAUSE_BAD_HEADER, /* an IP header that contradicts itself */
	CAUSE_TOO_DEEP, /* more VLAN tags or MPLS labels than the limits allow */
	CAUSE_ODD, /* LLC, pseudowires, frames in frames: they went to the agent to be counted */
	NUM_CAUSES,
};

struct cause_counts {
	__u64 packets[16];
};

/* An interface that is watched. */
struct interface {
	__u32 ingress; /* 1: what it receives is counted when it comes in */
};

/* Ports of a fragmented datagram, by what its fragments have in common (RFC 791 §3.2, RFC 8200 §4.5). */
struct fragment_key {
	__u64 src_high, src_low;
	__u64 dst_high, dst_low;
	__u32 id;
	__u16 pad;
	__u8 proto; /* 0 in IPv6: a later fragment names the first header of the fragmentable part */
	__u8 version;
};

struct fragment_ports {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u16 src, dst;
	__u8 proto;
	__u8 awaited; /* there are none yet: later fragments came first, and the agent was shown them */
	__u8 pad[2];
};

_Static_assert(sizeof(struct flow_key) == 40, "flow_key");
_Static_assert(sizeof(struct slot) == 128, "a slot is two cache lines");
_Static_assert(__builtin_offsetof(struct slot, upper) == 64, "the ends' counters are in different lines");
_Static_assert(sizeof(struct budget) == 8, "the kernel rounds elements up to 8 bytes");
_Static_assert(sizeof(struct record) == RECORD_HEADER, "record");
_Static_assert(NUM_CAUSES <= 16, "causes");

#endif

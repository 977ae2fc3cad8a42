/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The types that the programs and the agent share. bpf2go generates the Go types of gen/bpf from them; both sides
 * assert sizes and offsets.
 */
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H

#include <linux/types.h>

/*
 * A flow's key, the same for both directions: flow.Key of the Go code, word for word. Addresses are two words in host
 * byte order, an IPv4 address in the second. "lower" is the end with the smaller (address, port).
 */
struct flow_key {
	__u64 lower_high, lower_low;
	__u64 upper_high, upper_low;
	__u64 rest; /* from the top: lower port, upper port, network (16 bits each), IP protocol, IP version (8 each) */
};

/* The counters of the packets that one end of a flow sent. From next on: see health.h. */
struct direction {
	__u64 packets; /* on the wire: segments, if the kernel or the card merged several */
	__u64 bytes; /* on the wire, from the network header on */
	__u64 last; /* CLOCK_MONOTONIC (coarse), ns */
	__u32 next; /* TCP: the sequence number after the highest one so far, if has_next */
	__u32 hole, hole_end; /* TCP: what is missing before next; empty if equal */
	__u32 retransmits, out_of_order; /* TCP: packets on the wire */
	__u16 zero_windows, resets; /* TCP; they stop at the most */
	__u8 flags; /* TCP: all flags so far */
	__u8 ttl, dscp; /* of the first packet */
	__u8 has_next;
	__u32 tick; /* of the kernel's clock at last */
};

/*
 * One life of one flow. The two ends' counters are in different cache lines, since different CPUs receive their
 * packets; a third line has what few packets need. A stack hands out the slots of one array. The helper releases a slot
 * some time after the flow's end, so that a program that still handles a packet of the flow finds the counters in their
 * place.
 */
struct slot {
	struct direction lower;
	__u64 born; /* CLOCK_MONOTONIC of the first packet, ns; 0: the slot is free */

	struct direction upper;
	__u32 ifindex;
	__u32 isn; /* TCP: the client's initial sequence number, if the first packet was a SYN or a SYN-ACK */

	struct flow_key key;
	__u32 client_rtt; /* of the handshake, microseconds; the time of the last SYN before HANDSHAKE_OVER */
	__u32 server_rtt; /* 0: unknown */
	__u8 handshake; /* enum handshake */
	__u8 lower_flags, upper_flags; /* TCP flags so far: SYN, FIN, and RST unless payload followed */
	__u8 marks; /* enum mark */
	__u8 icmp_type, icmp_code;
	__u8 first_flags; /* TCP: all flags of the first packet */
	__u8 is_listed; /* the flow map has the slot, and no later life of the key */
	__u8 is_swapped; /* the alias's lower end is the upper end of key */
	__u8 pad[7];
};

enum mark {
	MARK_FIRST_FROM_UPPER = 1, /* the upper end sent the first packet */
	MARK_REPLACED = 2, /* another life of the same key has begun: no more packets count here */
	MARK_OPENER_IS_UPPER = 4, /* the upper end sent the handshake's SYN */
};

/* How far the handshake is: that of flow.Health in the Go code, number for number. */
enum handshake {
	HANDSHAKE_UNSEEN,
	HANDSHAKE_SYN,
	HANDSHAKE_SYN_AGAIN, /* nobody knows which one the SYN-ACK answers */
	HANDSHAKE_SYN_ACK,
	HANDSHAKE_OVER,
};

/* An entry of the cache of the flow map: see cache.h. */
struct cache_way {
	__u32 tag; /* of the key's hash; 0: empty */
	__u32 value;
};

enum cache_limits {
	CACHE_WAYS = 8,
};

struct cache_set {
	struct cache_way ways[CACHE_WAYS];
};

/* The sampling state of a slot's flow, in other cache lines than the counters: each packet with payload reads it. */
struct budget {
	__s32 packets; /* still to sample. The agent sets it: 0 ends the sampling of a flow, more extends it. */
	__u32 is_reset; /* slot.lower_flags or slot.upper_flags has RST */
};

/* A ring's record: this header, then the frame. */
struct record {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u64 born; /* of the slot */
	__u32 slot; /* that counted the frame, or SLOT_NONE */
	__u32 ifindex;
	__u32 length; /* of the frame on the link, VLAN tag included */
	__u16 captured; /* bytes of the frame in the record */
	__u16 segments; /* packets on the wire */
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

/* The input of weir_slots: an operation, then slots. The helper runs it by BPF_PROG_TEST_RUN, one batch per call. */
enum slots_operation {
	SLOTS_RETIRE = 1, /* remove their keys from the flow map: no new packet finds them */
	SLOTS_RELEASE = 2, /* clear them and free them */
	SLOTS_MAX = 768, /* slots of a batch, 3 KiB: a page bounds the input of a test run */
};

/* The indexes of the map of shunts, which the socket filters tail-call. */
enum shunt {
	SHUNT_ETHERNET,
	SHUNT_RAW,
};

/* Room for frames: a record has one of three sizes, since the verifier requires constants. */
enum room {
	RECORD_HEADER = 48,
	SMALL_FRAME = 256 - RECORD_HEADER,
	MEDIUM_FRAME = 640 - RECORD_HEADER,
	LARGE_FRAME = 1536,
};

/* Why a packet was not counted, or not sampled. Each cause has a counter per CPU. */
enum cause {
	CAUSE_SAMPLED, /* records sent: no loss */
	CAUSE_RING_FULL, /* no room for a record; the packet is counted if it has a slot */
	CAUSE_MAP_FULL, /* no slot or no room in the flow map: the agent counts the packet */
	CAUSE_UNCOUNTED, /* and no room for that record: the packet is in no flow */
	CAUSE_NOT_IP,
	CAUSE_TRUNCATED, /* a header exceeds the frame */
	CAUSE_BAD_HEADER, /* an IP header that contradicts itself */
	CAUSE_TOO_DEEP, /* more VLAN tags or MPLS labels than the limits */
	CAUSE_ODD, /* LLC, pseudowires, frames in frames: the agent counts them */
	NUM_CAUSES,
};

struct cause_counts {
	__u64 packets[16];
};

/* A watched interface, or an upper device of one. */
struct interface {
	__u32 ingress; /* 1: its packets are counted on ingress */
	__u32 row; /* of its traffic; 0: none */
};

enum link_limits {
	NUM_LINKS = 4096, /* an interface with an index below this is in an array, others in a hash */
	NUM_ROWS = 128, /* interfaces whose traffic is counted */
};

enum way {
	WAY_RECEIVED,
	WAY_SENT,
	NUM_WAYS,
};

/* The kinds of packets in an interface's traffic; those of IPv6 are KIND_IPV6 higher. */
enum kind {
	KIND_TCP,
	KIND_UDP,
	KIND_ICMP,
	KIND_OTHER,
	KIND_IPV6,
	KIND_NOT_IP = 2 * KIND_IPV6,
	NUM_KINDS,
	KIND_MASK = 15,
};

struct kind_count {
	__u64 packets; /* on the wire */
	__u64 bytes; /* on the wire, from the IP header on */
};

/*
 * The traffic of one way of an interface, on one CPU: the additions need not be atomic. Programs mask the kind, and the
 * mask reaches to the end.
 */
struct traffic {
	struct kind_count kinds[NUM_KINDS];
	__u64 fragments;
	__u64 largest; /* bytes of the longest frame on the wire, VLAN tag included; the agent sets it to 0 */
	__u64 pad[12];
};

/* The fields that all fragments of a datagram share (RFC 791 §3.2, RFC 8200 §4.5): the key of its ports. */
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
	__u8 awaited; /* no ports yet: later fragments arrived first, and the agent has them */
	__u8 pad[2];
};

_Static_assert(sizeof(struct flow_key) == 40, "flow_key");
_Static_assert(sizeof(struct slot) == 192, "a slot is three cache lines");
_Static_assert(__builtin_offsetof(struct slot, upper) == 64, "the ends' counters are in different lines");
_Static_assert(__builtin_offsetof(struct slot, key) == 128, "what few packets need is in the third");
_Static_assert(sizeof(struct cache_set) == 64, "a set is a cache line");
_Static_assert(sizeof(struct budget) == 8, "the kernel rounds elements up to 8 bytes");
_Static_assert(sizeof(struct record) == RECORD_HEADER, "record");
_Static_assert(NUM_CAUSES <= 16, "causes");
_Static_assert(NUM_KINDS <= KIND_MASK, "kinds");
_Static_assert(sizeof(struct traffic) == (KIND_MASK + 1) * sizeof(struct kind_count), "a masked kind is inside");

#endif

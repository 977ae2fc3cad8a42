// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of the benchmark, on the agent's own maps: bpf/flow.h's work per packet, over any number of flows,
 * whole and in parts. A test run of a program repeats one packet, whose flow is then in the first cache; these make up
 * a key for each turn.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../../bpf/config.h"
#include "../../bpf/flow.h"
#include "../../bpf/maps.h"
#include "../../bpf/nat.h"
#include "../../bpf/parse.h"
#include "../../bpf/sample.h"

/* Set by the benchmark before a run. */
__u32 part = 0; /* the part to measure */
__u32 turns = 1;
__u32 flow_mask = 0; /* keys are numbered 0 to this; a power of two less one */
__u64 sum = 0; /* keeps the compiler from removing the work */

/* Each part includes the one before it, but the whole not the bare look-up in the map. */
#define PART_LOOP 0
#define PART_KEY 1
#define PART_PARSE 2
#define PART_LOOKUP 3
#define PART_ALL 4

/* Keys come in an order that no prefetcher follows. */
static __always_inline __u64 number_of(__u32 turn)
{
	return (turn * 0x9e3779b1U) & flow_mask;
}

static long turn(__u32 i, void *context)
{
	struct __sk_buff *skb = *(struct __sk_buff **)context;
	struct frame f = {};
	enum cause why;

	if (part == PART_LOOP)
		return 0;
	struct walk *w = this_walk();
	if (!w)
		return 1;
	struct packet *p = &w->packet;
	if (part >= PART_PARSE) {
		skb_frame(&f, skb, LINK_ETHERNET, WAY_RECEIVED);
		p = read(&f, ON_SKB, &why);
		if (!p)
			return 1;
		identify(p);
	}
	__u64 n = number_of(i);
	p->key.lower_high = 0;
	p->key.lower_low = 0x0a000000 + n;
	p->key.upper_high = 0;
	p->key.upper_low = 0xc6336402;
	p->key.rest = 1000ULL << 48 | 443ULL << 32 | PROTO_UDP << 8 | 4;
	if (part == PART_LOOKUP) {
		__u32 *found = bpf_map_lookup_elem(&flows, &p->key);
		sum += found ? *found : 0;
	} else if (part == PART_ALL) {
		watch_packet(&f, ON_SKB, 0, p, segments_of(&f, p));
	}
	return 0;
}

SEC("tc")
int bench_turns(struct __sk_buff *skb)
{
	bpf_loop(turns, turn, &skb, 0);
	return 0;
}

/* The cost of a test run itself. */
SEC("tc")
int bench_nothing(struct __sk_buff *skb)
{
	return 0;
}

char __license[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other name of a flow behind NAT. A connection of the LAN has one pair of ends where it comes in and, where the
 * gateway translates addresses, another where it goes out; its answers come in under the second. Without more, each
 * half would be a flow.
 *
 * A forwarded packet is one skb all the way, and keeps its hash, which the kernel (or the socket) made of the first
 * pair. So a program that sees a shown packet come in notes hash and slot, and one that sees a packet with that hash go
 * out under ends that are no flow's enters these as another key, an alias, of the same slot. From then on answers are
 * counted where they belong, for one look-up like any other. Only TCP, UDP and the like, and ICMP's queries, whose
 * identifier is translated as a port is (RFC 3022 §4.1): what has neither may stand for several hosts of the LAN.
 */
#ifndef WEIR_NAT_H
#define WEIR_NAT_H

#include "maps.h"
#include "parse.h"

/*
 * What the flow map holds: a slot's number, that the key is an alias, and that its lower end is the upper one of the
 * slot's key.
 */
#define FLOW_SLOT 0x3fffffffU
#define FLOW_ALIAS 0x80000000U
#define FLOW_SWAPPED 0x40000000U

#define RECENT                                                                                                         \
	4096 /* packets between their coming in and going out: more than a receive batch of 64 on each of many CPUs */

struct recent {
	__u64 born; /* of the slot */
	__u32 hash; /* 0: none */
	__u32 slot;
	__u32 from_upper;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RECENT);
	__type(key, __u32);
	__type(value, struct recent);
} recents SEC(".maps");

/* The alias of each slot, to be taken out of the flow map with it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_key);
} aliases SEC(".maps");

static __always_inline int has_ports(const struct packet *p)
{
	return p->proto == PROTO_TCP || p->proto == PROTO_UDP || p->proto == PROTO_SCTP || p->proto == PROTO_UDPLITE ||
	       p->is_query;
}

/* All ICMP between two hosts has one hash: under this one, which depends on the query too, it is noted once more. */
static __always_inline __u32 query_hash(__u32 hash, const struct packet *p)
{
	return hash ^ p->echo * 0x9e3779b1U;
}

static __always_inline void note(__u32 hash, const struct packet *p, __u32 slot, __u64 born)
{
	__u32 at = hash % RECENT;
	struct recent *r = bpf_map_lookup_elem(&recents, &at);
	if (!r || !hash)
		return;
	r->born = born;
	r->slot = slot;
	r->from_upper = p->from_upper;
	r->hash = hash;
}

/* came_in notes a packet that was counted as it came in. */
static __always_inline void came_in(struct __sk_buff *skb, const struct packet *p, __u32 slot, __u64 born)
{
	__u32 hash = bpf_get_hash_recalc(skb);
	note(hash, p, slot, born);
	if (p->is_query)
		note(query_hash(hash, p), p, slot, born);
}

/* noted is what came_in has noted under a hash. */
static __always_inline struct recent *noted(__u32 hash)
{
	__u32 at = hash % RECENT;
	struct recent *r = bpf_map_lookup_elem(&recents, &at);
	return r && hash && r->hash == hash ? r : 0;
}

/*
 * same_but_one_end says whether p can be a translation of the packet that came in: its protocol and one of its ends are
 * the same. from_upper says which end of the slot's key sent that.
 */
static __always_inline int same_but_one_end(const struct slot *s, const struct packet *p, __u32 from_upper)
{
	const struct flow_key *k = &s->key;
	if ((k->rest ^ p->key.rest) & 0xffff) /* protocol and version */
		return 0;
	__u64 lower_high = k->lower_high, lower_low = k->lower_low, upper_high = k->upper_high,
	      upper_low = k->upper_low;
	__u16 lower_port = k->rest >> 48, upper_port = k->rest >> 32;
	__u64 src_high = from_upper ? upper_high : lower_high, src_low = from_upper ? upper_low : lower_low;
	__u64 dst_high = from_upper ? lower_high : upper_high, dst_low = from_upper ? lower_low : upper_low;
	__u16 src_port = from_upper ? upper_port : lower_port, dst_port = from_upper ? lower_port : upper_port;
	int same_src = src_high == p->src_high && src_low == p->src_low && src_port == p->src_port;
	int same_dst = dst_high == p->dst_high && dst_low == p->dst_low && dst_port == p->dst_port;
	return same_src != same_dst;
}

/*
 * goes_out looks whether a forwarded packet leaves under other ends than it came in with, and enters them as an alias.
 */
static __always_inline void goes_out(const struct frame *f, struct __sk_buff *skb)
{
	struct recent *r = noted(skb->hash);
	if (!r)
		return;
	enum cause why;
	const struct packet *p = parse(f, ON_SKB, &why);
	if (p && p->is_query)
		r = noted(query_hash(skb->hash, p));
	if (!r)
		return;
	struct recent came = *r;
	r->hash = 0; /* once for each packet that is shown */
	if (!p || !has_ports(p) || p->fragment)
		return;
	struct slot *s = bpf_map_lookup_elem(&slots, &came.slot);
	struct flow_key *alias = bpf_map_lookup_elem(&aliases, &came.slot);
	if (!s || !alias || s->born != came.born || alias->rest || !same_but_one_end(s, p, came.from_upper))
		return;
	/*
	 * What another slot has as an alias is out of date: translations are unique, and this packet has that name now.
	 */
	__u32 *found = bpf_map_lookup_elem(&flows, &p->key);
	if (found && (!(*found & FLOW_ALIAS) || (*found & FLOW_SLOT) == came.slot))
		return;
	__u32 value = came.slot | FLOW_ALIAS;
	if (p->from_upper != came.from_upper)
		value |= FLOW_SWAPPED;
	if (!bpf_map_update_elem(&flows, &p->key, &value, found ? BPF_ANY : BPF_NOEXIST))
		*alias = p->key;
}

/* forget_alias takes a retired slot's alias out of the flow map, unless another flow has come to have its name. */
static __always_inline void forget_alias(__u32 slot)
{
	struct flow_key *alias = bpf_map_lookup_elem(&aliases, &slot);
	if (!alias || !alias->rest)
		return;
	struct flow_key key = *alias;
	__builtin_memset(alias, 0, sizeof(*alias));
	__u32 *found = bpf_map_lookup_elem(&flows, &key);
	if (found && *found & FLOW_ALIAS && (*found & FLOW_SLOT) == slot)
		bpf_map_delete_elem(&flows, &key);
}

#endif

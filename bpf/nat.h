/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other name of a flow behind NAT. A connection of the LAN has one pair of ends on ingress and, if the gateway
 * translates addresses, another on egress; its answers arrive under the second pair. Without an alias each half would
 * be a flow.
 *
 * A forwarded packet stays one skb, and keeps the hash that the kernel (or the socket) computed from the first pair. So
 * on ingress the program notes hash and slot of a sampled packet. If a packet with that hash leaves under ends that
 * belong to no flow, the egress program enters these as another key, an alias, of the same slot. From then on answers
 * count in the same flow, at the cost of the usual look-up. Only TCP, UDP and the like have aliases, and ICMP queries,
 * because NAT translates their identifier like a port (RFC 3022 §4.1). Others may stand for several hosts of the LAN.
 */
#ifndef WEIR_NAT_H
#define WEIR_NAT_H

#include "cache.h"
#include "maps.h"
#include "parse.h"

/* Packets between ingress and egress: more than a receive batch of 64 on each of many CPUs. */
#define RECENT 4096

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

static __always_inline int has_ports(const struct packet *p)
{
	return p->proto == PROTO_TCP || p->proto == PROTO_UDP || p->proto == PROTO_SCTP || p->proto == PROTO_UDPLITE ||
	       p->is_query;
}

/* All ICMP between two hosts has one hash, so came_in notes a query also under this one, which includes it. */
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

/* came_in notes a packet that was counted on ingress. */
static __always_inline void came_in(struct __sk_buff *skb, const struct packet *p, __u32 slot, __u64 born)
{
	__u32 hash = bpf_get_hash_recalc(skb);
	note(hash, p, slot, born);
	if (p->is_query)
		note(query_hash(hash, p), p, slot, born);
}

/* noted returns the note of came_in under a hash, or 0. */
static __always_inline struct recent *noted(__u32 hash)
{
	__u32 at = hash % RECENT;
	struct recent *r = bpf_map_lookup_elem(&recents, &at);
	return r && hash && r->hash == hash ? r : 0;
}

/*
 * same_but_one_end reports whether p can be a translation of the ingress packet: its protocol and one of its ends are
 * the same. from_upper: the upper end of the slot's key sent that packet.
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
 * goes_out enters the ends of a forwarded packet as an alias if they differ from its ends on ingress.
 */
static __always_inline void goes_out(const struct frame *f, struct __sk_buff *skb)
{
	struct recent *r = noted(skb->hash);
	if (!r)
		return;
	enum cause why;
	struct packet *p = read(f, ON_SKB, &why);
	if (p)
		identify(p);
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
	 * Another slot's alias of this name is out of date: translations are unique, and this packet has the name now.
	 */
	__u32 *found = bpf_map_lookup_elem(&flows, &p->key);
	if (found && (!(*found & FLOW_ALIAS) || (*found & FLOW_SLOT) == came.slot))
		return;
	__u32 value = came.slot | FLOW_ALIAS, other = found ? *found & FLOW_SLOT : SLOT_NONE;
	if (p->from_upper != came.from_upper)
		value |= FLOW_SWAPPED;
	if (bpf_map_update_elem(&flows, &p->key, &value, found ? BPF_ANY : BPF_NOEXIST))
		return;
	struct flow_key *was = bpf_map_lookup_elem(&aliases, &other);
	if (was) /* the cache must not confirm it */
		__builtin_memset(was, 0, sizeof(*was));
	s->is_swapped = !!(value & FLOW_SWAPPED);
	*alias = p->key;
}

/* forget_alias removes a retired slot's alias from the flow map, unless another flow has taken its name. */
static __always_inline void forget_alias(__u32 slot)
{
	struct flow_key *alias = bpf_map_lookup_elem(&aliases, &slot);
	if (!alias || !alias->rest)
		return;
	struct flow_key key = *alias;
	__builtin_memset(alias, 0, sizeof(*alias));
	forget(&key);
	__u32 *found = bpf_map_lookup_elem(&flows, &key);
	if (found && *found & FLOW_ALIAS && (*found & FLOW_SLOT) == slot)
		bpf_map_delete_elem(&flows, &key);
}

#endif

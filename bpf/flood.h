/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gateway's own broadcasts into a bridge. The bridge sends one to each of its ports, one after the other on one
 * CPU. So a frame that leaves through another interface just after an equal one is the same packet, and has counted.
 * No other evidence exists: the gateway's own frames have no ingress interface. afpacket.Once has the twin.
 */
#ifndef WEIR_FLOOD_H
#define WEIR_FLOOD_H

#include "maps.h"
#include "parse.h"

#define FLOOD_STEP 16 /* bytes per step of the hash */
#define FLOOD_STEPS 8

struct flooded {
	__u64 hash;
	__u32 ifindex; /* the frame left here first */
	__u32 pad;
};

/* The last broadcast of each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flooded);
} floods SEC(".maps");

/* is_group reports whether a bridge floods frames to a destination: broadcast, IPv4 and IPv6 multicast. */
static __always_inline int is_group(const __u8 *mac)
{
	__u16 first = be16(mac);
	return first == 0xffff || first == 0x0100 || first == 0x3333;
}

/* may_flood is a cheap is_group of a frame whose packet data the program may read in place. */
static __always_inline int may_flood(struct __sk_buff *skb)
{
	const __u8 *mac = (void *)(long)skb->data;
	return mac + 2 > (const __u8 *)(long)skb->data_end || is_group(mac);
}

/* is_flooded reports whether a frame that no watched interface received has just left through another interface. */
static __always_inline int is_flooded(struct __sk_buff *skb)
{
	union {
		__u8 bytes[FLOOD_STEP];
		__u64 words[FLOOD_STEP / 8];
	} b;
	const __u64 factor = 0x9e3779b97f4a7c15ULL;
	if (bpf_skb_load_bytes(skb, 0, b.bytes, FLOOD_STEP) || !is_group(b.bytes))
		return 0;
	__u64 hash = skb->len | (__u64)skb->vlan_tci << 32;
#pragma unroll
	for (int i = 0; i < FLOOD_STEPS; i++) {
		if (i && bpf_skb_load_bytes(skb, FLOOD_STEP * i, b.bytes, FLOOD_STEP))
			break;
		hash = ((hash ^ b.words[0]) * factor ^ b.words[1]) * factor;
	}
	__u32 zero = 0;
	struct flooded *last = bpf_map_lookup_elem(&floods, &zero);
	if (!last)
		return 0;
	if (last->hash == hash && last->ifindex != skb->ifindex)
		return 1;
	last->hash = hash;
	last->ifindex = skb->ifindex;
	return 0;
}

#endif

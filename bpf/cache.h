/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cache of the flow map: the map's hash of the key and its lists of elements would be the largest part of a packet's
 * cost. An entry is only a hint. The slot that it names decides whether the key is its own, and the map whether a key
 * has no slot. So the cache needs no lock, and an attacker who fills it makes the programs only as slow as the map.
 */
#ifndef WEIR_CACHE_H
#define WEIR_CACHE_H

#include "config.h"
#include "maps.h"
#include "types.h"

/*
 * A value of the flow map: a slot's number; whether the key is an alias; and whether the alias's lower end is the upper
 * end of the slot's key.
 */
#define FLOW_SLOT 0x3fffffffU
#define FLOW_ALIAS 0x80000000U
#define FLOW_SWAPPED 0x40000000U

/* An array that can be mapped is aligned to pages, so that a set is one cache line. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* a power of two: cache_mask and 1 */
	__type(key, __u32);
	__type(value, struct cache_set);
} cache SEC(".maps");

/* hash_of multiplies the words side by side. Its upper half is the set, the lower half the tag. */
static __always_inline __u64 hash_of(const struct flow_key *k)
{
	__u64 h = k->lower_low * 0x9e3779b97f4a7c15ULL + k->upper_low * 0xc2b2ae3d27d4eb4fULL +
		  k->rest * 0x165667b19e3779f9ULL + k->lower_high * 0x85ebca77c2b2ae63ULL +
		  k->upper_high * 0x27d4eb2f165667c5ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

static __always_inline struct cache_set *set_of(__u64 hash)
{
	__u32 at = (hash >> 32) & cache_mask;
	return bpf_map_lookup_elem(&cache, &at);
}

/* tag_of is never 0, which is that of an empty entry. */
static __always_inline __u32 tag_of(__u64 hash)
{
	return (__u32)hash | 1;
}

static __always_inline int same_key(const struct flow_key *a, const struct flow_key *b)
{
	return !((a->lower_high ^ b->lower_high) | (a->lower_low ^ b->lower_low) | (a->upper_high ^ b->upper_high) |
		 (a->upper_low ^ b->upper_low) | (a->rest ^ b->rest));
}

/* confirmed returns the flow map's value for a key if the slot of a hint has this key now; else SLOT_NONE. */
static __always_inline __u32 confirmed(const struct flow_key *k, __u32 hint)
{
	__u32 number = hint & FLOW_SLOT;
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	if (!s || !s->is_listed)
		return SLOT_NONE;
	if (!(hint & FLOW_ALIAS))
		return same_key(k, &s->key) ? number : SLOT_NONE;
	struct flow_key *alias = bpf_map_lookup_elem(&aliases, &number);
	if (!alias || !same_key(k, alias))
		return SLOT_NONE;
	return s->is_swapped ? hint | FLOW_SWAPPED : hint;
}

/* cached returns the flow map's value for a key, or SLOT_NONE if the cache has none. */
static __always_inline __u32 cached(const struct flow_key *k, __u64 hash)
{
	struct cache_set *set = set_of(hash);
	__u32 tag = tag_of(hash);
	if (!set)
		return SLOT_NONE;
#pragma unroll
	for (int i = 0; i < CACHE_WAYS; i++)
		if (set->ways[i].tag == tag)
			return confirmed(k, set->ways[i].value);
	return SLOT_NONE;
}

/*
 * remember enters a value of the flow map: in place of one with the same tag, into an empty entry, or in place of any.
 * Two CPUs may mix up their entries, which then are not confirmed. A global function: few packets need it.
 */
__noinline int remember(__u64 hash, __u32 value)
{
	struct cache_set *set = set_of(hash);
	__u32 tag = tag_of(hash), to = (hash >> 24 ^ value) & (CACHE_WAYS - 1);
	if (!set)
		return 0;
	for (int i = 0; i < CACHE_WAYS; i++) {
		if (!set->ways[i].tag)
			to = i;
		if (set->ways[i].tag == tag) {
			to = i;
			break;
		}
	}
	to &= CACHE_WAYS - 1;
	set->ways[to].value = value & ~FLOW_SWAPPED;
	set->ways[to].tag = tag;
	return 1;
}

/* forget makes room in the cache: the entry would not be confirmed. */
static __always_inline void forget(const struct flow_key *k)
{
	__u64 hash = hash_of(k);
	struct cache_set *set = set_of(hash);
	__u32 tag = tag_of(hash);
	if (!set)
		return;
	for (int i = 0; i < CACHE_WAYS; i++)
		if (set->ways[i].tag == tag)
			set->ways[i].tag = 0;
}

#endif

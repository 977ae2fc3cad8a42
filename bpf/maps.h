/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps. Those for the agent are arrays that it maps into its memory: it reads counters and sets budgets without a
 * system call.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

/*
 * From key, or alias (nat.h), to slot. Preallocated, with more room than slots and aliases need: slots run out
 * first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024); /* the loader sets sizes */
	__type(key, struct flow_key);
	__type(value, __u32);
} flows SEC(".maps");

/* Each worker has a range of slots_per_worker slots. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* The budget of each slot, and after those one for new flows; 0: they have the usual one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

/* The alias of each slot, which leaves the flow map with the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_key);
} aliases SEC(".maps");

/* Free slots, a stack per worker: the last one freed is the first one reused, so that its cache lines are warm. */
struct free_slots {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct free_slots);
} stacks SEC(".maps");

/* A ring per worker: CPUs that serve different workers share no lock. */
struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

/* 1 while a worker sleeps: the next record then wakes it, regardless of wakeup_bytes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} asleep SEC(".maps");

/* The shunts, which the socket filters tail-call. The loader adds them. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} shunts SEC(".maps");

/* Counters by cause, per CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cause_counts);
} causes SEC(".maps");

/* Interfaces by index: the array costs no hash look-up. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NUM_LINKS);
	__type(key, __u32);
	__type(value, struct interface);
} links SEC(".maps");

/* Those with an index beyond the array. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct interface);
} interfaces SEC(".maps");

/* A row of each interface, numbered from 1, has its traffic by CPU and way. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic);
} traffics SEC(".maps");

/* As many entries as the agent's own cache (packet.Fragments). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragments SEC(".maps");

/* interface_of returns an interface's note, or 0. One call for both maps is one that the kernel can't inline. */
static __always_inline struct interface *interface_of(__u32 ifindex)
{
	struct interface *i = bpf_map_lookup_elem(&links, &ifindex);
	return i ? i : bpf_map_lookup_elem(&interfaces, &ifindex);
}

static __always_inline void count(enum cause cause, __u64 n)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cause_counts *c = bpf_map_lookup_elem(&causes, &cpu);
	if (c)
		__sync_fetch_and_add(&c->packets[cause & 15], n);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps. Those that the agent reads are arrays that it has mapped: it reads counters and sets budgets without a
 * system call.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

/*
 * From key, or alias (nat.h), to slot. Preallocated, with more room than slots and aliases need: it is never the one
 * that is full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024); /* the loader sets sizes */
	__type(key, struct flow_key);
	__type(value, __u32);
} flows SEC(".maps");

/* Each worker has a stretch of slots_per_worker of them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Of each slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

/* Free slots, a stack for each worker: the last one given back is the first one used, so that few lines are warm. */
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

/* A ring for each worker: no lock is shared between CPUs that serve different workers. */
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

/* Is a worker asleep? Then the next record wakes it, whatever wakeup_bytes says. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} asleep SEC(".maps");

/* The shunts, for the filters that jump there. The loader enters them. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} shunts SEC(".maps");

/* Counters by cause, for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cause_counts);
} causes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct interface);
} interfaces SEC(".maps");

/* As many as the agent's own cache (packet.Fragments) has. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragments SEC(".maps");

static __always_inline void count(enum cause cause, __u64 n)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cause_counts *c = bpf_map_lookup_elem(&causes, &cpu);
	if (c)
		__sync_fetch_and_add(&c->packets[cause & 15], n);
}

#endif

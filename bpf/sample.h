/* SPDX-License-Identifier: GPL-2.0-only */
/* Sampling: frames on their way to a worker. */
#ifndef WEIR_SAMPLE_H
#define WEIR_SAMPLE_H

#include "config.h"
#include "maps.h"
#include "parse.h"

/* The content of a record's header. */
struct sample {
	__u64 time, born;
	__u32 slot;
	__u32 worker;
	__u16 segments;
	__u8 from_upper;
};

/*
 * wakeup returns the flags for bpf_ringbuf_submit. A busy worker polls its ring every few milliseconds; only a worker
 * that sleeps, or whose ring fills up, is worth the interrupt.
 */
static __always_inline __u64 wakeup(void *ring, __u32 worker)
{
	if (!wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	__u64 *sleeps = bpf_map_lookup_elem(&asleep, &worker);
	if (sleeps && *sleeps) {
		*sleeps = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= wakeup_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/*
 * bytes copies n bytes of the frame, 1 to most, starting at off. A verifier before Linux 6.3 learns nothing from a
 * comparison with 0, but it knows that a value of at most most - 1, plus 1, is at least 1. The barriers make clang test
 * the register that it passes on.
 */
static __always_inline int bytes(const struct frame *f, const enum context on, __u32 off, void *to, __u64 n,
				 const __u64 most)
{
	asm volatile("" : "+r"(n));
	n -= 1;
	asm volatile("" : "+r"(n));
	if (n > most - 1)
		return -1;
	asm volatile("" : "+r"(n));
	n += 1;
	asm volatile("" : "+r"(n));
	if (on == ON_XDP)
		return bpf_xdp_load_bytes(f->ctx, off, to, n);
	return bpf_skb_load_bytes(f->ctx, off, to, n);
}

/*
 * copy copies the first n bytes of the frame into the record, and restores the VLAN tag from the metadata.
 */
static __always_inline int copy(const struct frame *f, const enum context on, __u8 *to, __u64 n, const __u64 most)
{
	const __u32 macs = 12, tag = 4;
	if (!f->has_vlan)
		return bytes(f, on, 0, to, n, most);
	if (n <= macs + tag || bytes(f, on, 0, to, macs, macs))
		return -1;
	__builtin_memcpy(to + macs, &f->vlan_proto, 2);
	to[macs + 2] = f->vlan >> 8;
	to[macs + 3] = f->vlan;
	return bytes(f, on, macs, to + macs + tag, n - macs - tag, most - macs - tag);
}

static __always_inline int fill(const struct frame *f, const enum context on, const struct sample *s, void *ring,
				struct record *r, __u64 n, const __u64 most)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->time = s->time;
	r->born = s->born;
	r->slot = s->slot;
	r->ifindex = f->ifindex;
	r->length = f->length + (f->has_vlan ? 4 : 0);
	r->captured = n;
	r->segments = s->segments;
	r->link = f->link;
	r->from_upper = s->from_upper;
	if (copy(f, on, (__u8 *)(r + 1), n, most)) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return -1;
	}
	bpf_ringbuf_submit(r, wakeup(ring, s->worker));
	return 0;
}

/* emit sends the frame to its worker; it returns 0, or -1 without room. */
static __always_inline int emit(const struct frame *f, const enum context on, const struct sample *s)
{
	__u32 worker = s->worker;
	void *ring = bpf_map_lookup_elem(&rings, &worker);
	if (!ring)
		return -1;
	__u64 n = f->length + (f->has_vlan ? 4 : 0);
	__u64 most = snap_length < LARGE_FRAME ? snap_length : LARGE_FRAME;
	if (n > most)
		n = most;
	struct record *r;
	if (n <= SMALL_FRAME) {
		r = bpf_ringbuf_reserve(ring, RECORD_HEADER + SMALL_FRAME, 0);
		return r ? fill(f, on, s, ring, r, n, SMALL_FRAME) : -1;
	}
	if (n <= MEDIUM_FRAME) {
		r = bpf_ringbuf_reserve(ring, RECORD_HEADER + MEDIUM_FRAME, 0);
		return r ? fill(f, on, s, ring, r, n, MEDIUM_FRAME) : -1;
	}
	r = bpf_ringbuf_reserve(ring, RECORD_HEADER + LARGE_FRAME, 0);
	return r ? fill(f, on, s, ring, r, n, LARGE_FRAME) : -1;
}

#endif

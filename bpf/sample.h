/* SPDX-License-Identifier: GPL-2.0-only */
/* Sampling: frames on their way to a worker. */
#ifndef WEIR_SAMPLE_H
#define WEIR_SAMPLE_H

#include "config.h"
#include "maps.h"
#include "parse.h"

/* What the record says besides the frame. */
struct sample {
	__u64 time, born;
	__u32 slot;
	__u32 worker;
	__u16 segments;
	__u8 from_upper;
};

/*
 * wakeup gives the flags of bpf_ringbuf_submit. A worker that is busy looks at its ring every few milliseconds by
 * itself; only one that sleeps, or whose ring fills up, is worth the interrupt.
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
 * bytes copies n bytes of the frame from off on, 1 to most of them. Verifiers before Linux 6.3 learn nothing from a
 * comparison with 0; they see that what is at most most - 1 is at least 1 when 1 is added. The barriers keep clang from
 * testing another register than the one that it hands on.
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
 * copy puts the first n bytes of the frame into the record, with the VLAN tag of the metadata where it was on the link.
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

/* emit sends the frame to its worker, and says whether there was room. */
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

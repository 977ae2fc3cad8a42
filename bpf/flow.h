/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: finds the slot of a packet, and decides whether the agent samples it. */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "cache.h"
#include "config.h"
#include "health.h"
#include "maps.h"
#include "nat.h"
#include "parse.h"
#include "sample.h"
#include "traffic.h"

#define SECOND 1000000000ULL
/* reuseAfter of internal/flow: an earlier SYN with another sequence number may be forged, to split the flow. */
#define REUSE_AFTER (30 * SECOND)
/* The budget of a tunnel: the agent counts the inner packets, so it has to see every one. */
#define WITHOUT_END 0x7fffffff

static __always_inline __u64 coarse_clock(void)
{
	return have_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

/*
 * stamp sets the time of a direction's last packet once in a tick: the coarse clock moves no faster, and its helper
 * would be a quarter of an established packet's cost, while the count of ticks is a load.
 */
static __always_inline void stamp(struct direction *d)
{
	__u32 tick = bpf_jiffies64();
	if (d->tick == tick && d->last)
		return;
	d->tick = tick;
	d->last = coarse_clock();
}

/*
 * worker_of depends only on the two addresses, and is the same for both directions. So all flows between two hosts meet
 * in one worker, which finds announced flows and later fragments.
 */
static __always_inline __u32 worker_of(const struct flow_key *k)
{
	__u64 h = (k->lower_high + k->upper_high) ^ (k->lower_low + k->upper_low);
	h *= 0x9e3779b97f4a7c15ULL;
	return workers == 1 ? 0 : (__u32)(h >> 32) % workers;
}

/*
 * socket_worker is worker_of for a fanout program, which runs before any parsing, and sees the frame at another offset
 * on egress than on ingress. Frames without IP at the kernel's network offset (QinQ, PPPoE, MPLS) go to the first
 * worker.
 */
static __always_inline __u32 socket_worker(struct __sk_buff *skb)
{
	__u8 b[IPV6_HEADER];
	struct flow_key k = {};
	if (bpf_skb_load_bytes_relative(skb, 0, b, IPV4_HEADER, BPF_HDR_START_NET))
		return 0;
	if (b[0] >> 4 == 4) {
		k.lower_low = be32(b + 12);
		k.upper_low = be32(b + 16);
	} else if (b[0] >> 4 == 6 && !bpf_skb_load_bytes_relative(skb, 0, b, IPV6_HEADER, BPF_HDR_START_NET)) {
		k.lower_high = be64(b + 8);
		k.lower_low = be64(b + 16);
		k.upper_high = be64(b + 24);
		k.upper_low = be64(b + 32);
	} else {
		return 0;
	}
	return worker_of(&k);
}

static __always_inline __u32 worker_for(const struct frame *f, const enum context on, const struct packet *p)
{
	return on == ON_SOCKET ? socket_worker(f->ctx) : worker_of(&p->key);
}

static __always_inline __s32 first_budget(const struct packet *p)
{
	if (p->is_tunnel && open_tunnels)
		return WITHOUT_END;
	/* The agent sets it while somebody wants events: flows that have some must not fall silent before it knows them. */
	__u32 beyond = workers * slots_per_worker;
	struct budget *wide = bpf_map_lookup_elem(&budgets, &beyond);
	if (wide && wide->packets > 0)
		return wide->packets;
	/* Two more for the handshake: the budget counts packets with payload. */
	return p->proto == PROTO_TCP ? budget_tcp + 2 : budget_other;
}

/* begin takes a free slot for the flow of p and fills it. It returns the slot's number, or SLOT_NONE. */
static __always_inline __u32 begin(const struct frame *f, const struct packet *p, __u32 worker)
{
	__u32 number;
	void *stack = bpf_map_lookup_elem(&stacks, &worker);
	if (!stack || bpf_map_pop_elem(stack, &number))
		return SLOT_NONE;
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	struct budget *budget = bpf_map_lookup_elem(&budgets, &number);
	if (!s || !budget)
		return SLOT_NONE;
	/* Its counters are 0: slot_release has cleared it. */
	s->key = p->key;
	s->ifindex = f->ifindex;
	s->isn = p->tcp_flags & TCP_ACK ? p->ack - 1 : p->seq;
	s->first_flags = p->tcp_flags;
	s->marks = p->from_upper ? MARK_FIRST_FROM_UPPER : 0;
	s->icmp_type = p->icmp_type;
	s->icmp_code = p->icmp_code;
	budget->packets = first_budget(p);
	budget->is_reset = 0;
	s->born = coarse_clock();
	return number;
}

static __always_inline void give_back(__u32 worker, __u32 number)
{
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	void *stack = bpf_map_lookup_elem(&stacks, &worker);
	if (!s || !stack)
		return;
	s->born = 0;
	bpf_map_push_elem(stack, &number, BPF_ANY);
}

/*
 * starts_anew reports whether a SYN begins another connection with the addresses and ports of an old one: the twin of
 * IsReplaced in internal/flow. Both have to pass the cases of flow/flowtest.
 */
static __always_inline int starts_anew(const struct slot *s, const struct packet *p)
{
	__u8 flags = s->lower_flags | s->upper_flags;
	if (flags & TCP_RST || s->lower_flags & s->upper_flags & TCP_FIN)
		return 1;
	if (!(s->first_flags & TCP_SYN))
		return 1; /* what was seen was the rest of an older connection */
	if (p->seq == s->isn)
		return 0;
	if (flags & TCP_FIN)
		return 1;
	__u64 last = s->lower.last > s->upper.last ? s->lower.last : s->upper.last;
	return s->lower.packets && s->upper.packets && coarse_clock() - last > REUSE_AFTER;
}

/* find returns the flow map's value for a key, or SLOT_NONE. */
static __always_inline __u32 find(const struct flow_key *k)
{
	__u64 hash = hash_of(k);
	__u32 value = cached(k, hash);
	if (value != SLOT_NONE)
		return value;
	__u32 *found = bpf_map_lookup_elem(&flows, k);
	if (!found)
		return SLOT_NONE;
	value = *found;
	remember(hash, value);
	return value;
}

/* find_or_begin returns the slot of p's flow, a new one if necessary, or SLOT_NONE without room. */
static __always_inline __u32 find_or_begin(const struct frame *f, const enum context on, struct packet *p, int *created)
{
	__u32 value = find(&p->key);
	__u64 flags = BPF_NOEXIST;
	struct slot *old = 0;
	if (value != SLOT_NONE) {
		__u32 number = value & FLOW_SLOT;
		if (value & FLOW_SWAPPED) /* the ends' other names are in the other order */
			p->from_upper ^= 1;
		if (!(p->proto == PROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN))
			return number;
		old = bpf_map_lookup_elem(&slots, &number);
		if (!old || !starts_anew(old, p))
			return number;
		if (value & FLOW_SWAPPED)
			p->from_upper ^= 1;
		flags = BPF_ANY;
	}
	__u32 worker = worker_for(f, on, p), number = begin(f, p, worker);
	if (number == SLOT_NONE)
		return SLOT_NONE;
	if (bpf_map_update_elem(&flows, &p->key, &number, flags)) {
		give_back(worker, number);
		__u32 *found = bpf_map_lookup_elem(&flows, &p->key); /* another CPU was quicker */
		if (!found)
			return SLOT_NONE;
		value = *found;
		if (value & FLOW_SWAPPED)
			p->from_upper ^= 1;
		return value & FLOW_SLOT;
	}
	if (old) {
		old->is_listed = 0;
		old->marks |= MARK_REPLACED;
	}
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	if (s)
		s->is_listed = 1;
	*created = 1;
	return number;
}

/* add counts packets, and returns what quick does. */
static __always_inline int add(struct direction *d, __u8 *flags, const struct packet *p, __u32 segments, __u64 bytes)
{
	int is_done = !tcp_health || quick(d, p);
	__sync_fetch_and_add(&d->packets, segments);
	__sync_fetch_and_add(&d->bytes, bytes);
	stamp(d);
	/*
	 * Not atomic: the packets of a direction arrive one after the other. A lost flag only makes the flow end by
	 * its idle time.
	 */
	if (p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))
		*flags |= p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST);
	return is_done;
}

/*
 * follow_reset lets a reset end a connection until payload follows: then the receiver did not accept the reset, which
 * anyone can forge. A flag beside the budget records it, so that a packet with payload need not read the TCP flags,
 * which may be in the other end's cache line.
 */
static __always_inline void follow_reset(struct slot *s, struct budget *b, const struct packet *p, int has_payload)
{
	if (p->tcp_flags & TCP_RST) {
		b->is_reset = 1;
	} else if (has_payload && b->is_reset) {
		b->is_reset = 0;
		s->lower_flags &= ~TCP_RST;
		s->upper_flags &= ~TCP_RST;
	}
}

/* is_shown reports whether the agent samples this packet, and deducts the packet from the flow's budget. */
static __always_inline int is_shown(const struct packet *p, struct budget *budget, __s32 left, int has_payload,
				    int created)
{
	if (p->awaited) /* it tells the agent to which flow those belong that came before it */
		return 1;
	int is_syn = p->proto == PROTO_TCP && p->tcp_flags & TCP_SYN;
	if (!has_payload && !is_syn)
		return created;
	if (left <= 0)
		return created;
	if (left != WITHOUT_END)
		__sync_fetch_and_add(&budget->packets, -1);
	return 1;
}

/*
 * hand_over passes a packet without a slot to the agent, which counts it. A socket filter cannot mark such a packet,
 * but the only later fragments that it passes are those for the agent to count.
 */
static __always_inline int hand_over(const struct frame *f, const enum context on, const struct sample *s,
				     int is_later_fragment, enum cause why)
{
	count(why, s->segments);
	if (on == ON_SOCKET) {
		if (why == CAUSE_SAMPLED)
			return 1;
		count(CAUSE_UNCOUNTED, s->segments);
		return !is_later_fragment;
	}
	if (emit(f, on, s))
		count(CAUSE_UNCOUNTED, s->segments);
	return 0;
}

/*
 * is_for_agent reports whether the agent counts a later fragment, because the first one, which has the ports, has not
 * arrived. A flood of such fragments gets only a part of the ring; the program counts the rest, without ports. A socket
 * filter cannot see how full the socket's ring is.
 */
static __always_inline int is_for_agent(const struct frame *f, const enum context on, const struct packet *p)
{
	if (!p->early)
		return 0;
	if (on != ON_SOCKET) {
		__u32 worker = worker_for(f, on, p);
		void *ring = bpf_map_lookup_elem(&rings, &worker);
		if (!ring || (wakeup_bytes && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= wakeup_bytes))
			return 0;
	}
	await(p, bpf_ktime_get_ns());
	return 1;
}

/*
 * watch_packet counts a parsed packet in its flow, and samples it. For ON_SOCKET it does not send the frame, but
 * returns whether the socket should. ingress: the frame comes in.
 */
static __always_inline int watch_packet(const struct frame *f, const enum context on, const int ingress,
					struct packet *p, __u32 segments)
{
	int created = 0;
	int is_early = is_for_agent(f, on, p);
	__u32 number = is_early ? SLOT_NONE : find_or_begin(f, on, p, &created);
	if (number == SLOT_NONE) {
		struct sample none = { .time = bpf_ktime_get_ns(),
				       .slot = SLOT_NONE,
				       .worker = worker_for(f, on, p),
				       .segments = segments,
				       .from_upper = p->from_upper };
		return hand_over(f, on, &none, p->later_fragment, is_early ? CAUSE_SAMPLED : CAUSE_MAP_FULL);
	}
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	struct budget *budget = bpf_map_lookup_elem(&budgets, &number);
	if (!s || !budget)
		return 0;
	/* No dissector reads what follows a broken header, so such payload would never end the sampling of the flow. */
	int has_payload = p->end > p->payload && !p->later_fragment && !p->broken;
	/* Before the additions, which wait for all loads, so that a load from memory overlaps with that of the slot. */
	__s32 left = has_payload || p->tcp_flags & TCP_SYN ? budget->packets : 0;
	int is_done;
	if (p->from_upper)
		is_done = add(&s->upper, &s->upper_flags, p, segments, wire_bytes(p, segments));
	else
		is_done = add(&s->lower, &s->lower_flags, p, segments, wire_bytes(p, segments));
	if (tcp_health && !is_done)
		examine(number, segments);
	if (p->proto == PROTO_TCP)
		follow_reset(s, budget, p, has_payload);
	if (!is_shown(p, budget, left, has_payload, created))
		return 0;
	if (on == ON_SKB && ingress)
		came_in(f->ctx, p, number, s->born);
	if (on == ON_SOCKET) {
		if (p->later_fragment) /* it would be counted there, too: see hand_over */
			return 0;
		count(CAUSE_SAMPLED, 1);
		return 1;
	}
	struct sample sample = { .time = bpf_ktime_get_ns(),
				 .born = s->born,
				 .slot = number,
				 .worker = number / slots_per_worker,
				 .segments = segments,
				 .from_upper = p->from_upper };
	if (emit(f, on, &sample))
		count(CAUSE_RING_FULL, 1);
	else
		count(CAUSE_SAMPLED, 1);
	return 0;
}

/* watch is watch_packet for a frame, and counts packets without a flow by their cause. */
static __always_inline int watch(const struct frame *f, const enum context on, const int ingress)
{
	enum cause why = CAUSE_NOT_IP;
	struct packet *p = read(f, on, &why);
	struct traffic *t = traffic_of(f);
	if (p) {
		__u32 segments = segments_of(f, p);
		if (t)
			tally_packet(t, f, p, segments);
		identify(p);
		return watch_packet(f, on, ingress, p, segments);
	}
	if (t)
		tally_unread(t, f);
	if (why == CAUSE_ODD) {
		struct sample none = { .time = bpf_ktime_get_ns(), .slot = SLOT_NONE, .segments = 1 };
		return hand_over(f, on, &none, 0, why);
	}
	count(why, 1);
	return 0;
}

#endif

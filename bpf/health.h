/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the headers of a flow's packets tell of its health: the twin of Health in internal/flow, which has the rules.
 * Both have to pass the cases of flow/flowtest.
 */
#ifndef WEIR_HEALTH_H
#define WEIR_HEALTH_H

#include "config.h"
#include "maps.h"
#include "parse.h"

/* The constants of internal/flow. */
#define FARTHEST (1 << 30)
#define HOLE_SPAN (1 << 20)

/* data_of returns the bytes of a TCP packet's payload on the wire. */
static __always_inline __u32 data_of(const struct packet *p)
{
	__u32 headers = p->payload - p->network;
	return p->bytes > headers ? p->bytes - headers : 0;
}

/*
 * quick handles the first packet of a direction, and nearly every other one: it returns 1 if nothing is left for
 * examine. It needs only the direction's cache line.
 */
static __always_inline int quick(struct direction *d, const struct packet *p)
{
	if (!d->packets) {
		d->ttl = p->ttl;
		d->dscp = p->tos >> 2;
	}
	if (p->proto != PROTO_TCP || p->broken || p->later_fragment)
		return 1;
	if (p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | (__u8)~d->flags) || !p->window || p->fragment)
		return 0;
	__u32 n = data_of(p);
	if (!n)
		return 1;
	if (p->seq != d->next)
		return 0;
	d->next += n;
	return 1;
}

static __always_inline __u32 microseconds(void)
{
	return bpf_ktime_get_ns() / 1000;
}

static __always_inline __u32 at_least_1(__u32 n)
{
	return n ? n : 1;
}

/* note_syn is Health.syn of the Go code. */
static __always_inline void note_syn(struct slot *s, const struct direction *d, const struct packet *p)
{
	int is_opener = !(s->marks & MARK_OPENER_IS_UPPER) == !p->from_upper;
	int is_again = d->has_next && p->seq + 1 + data_of(p) == d->next;
	__u8 was = s->handshake;
	int is_open = was == HANDSHAKE_SYN || was == HANDSHAKE_SYN_AGAIN;
	if (is_open && is_opener && is_again) {
		s->handshake = HANDSHAKE_SYN_AGAIN;
	} else if (was == HANDSHAKE_UNSEEN || (is_open && is_opener && !(d->flags & TCP_ACK))) {
		s->handshake = HANDSHAKE_SYN;
		s->client_rtt = microseconds();
		if (p->from_upper)
			s->marks |= MARK_OPENER_IS_UPPER;
		else
			s->marks &= ~MARK_OPENER_IS_UPPER;
	} else {
		if (was != HANDSHAKE_OVER)
			s->client_rtt = 0;
		s->handshake = HANDSHAKE_OVER;
	}
}

/* note_syn_ack is Health.synACK of the Go code; other is the opener's direction. */
static __always_inline void note_syn_ack(struct slot *s, const struct direction *other, const struct packet *p)
{
	int is_opener = !(s->marks & MARK_OPENER_IS_UPPER) == !p->from_upper;
	__u8 was = s->handshake;
	__u32 now = microseconds(), took = now - s->client_rtt;
	if (was == HANDSHAKE_UNSEEN) {
		if (p->from_upper)
			s->marks &= ~MARK_OPENER_IS_UPPER;
		else
			s->marks |= MARK_OPENER_IS_UPPER;
	} else if (was == HANDSHAKE_SYN || was == HANDSHAKE_SYN_AGAIN) {
		if (is_opener || p->ack != other->next)
			return;
		if (was == HANDSHAKE_SYN && (__s32)took >= 0)
			s->server_rtt = at_least_1(took);
	} else {
		if (was != HANDSHAKE_OVER)
			s->client_rtt = 0;
		s->handshake = HANDSHAKE_OVER;
		return;
	}
	s->handshake = HANDSHAKE_SYN_ACK;
	s->client_rtt = now;
}

/* note_ack is Health.ack of the Go code. */
static __always_inline void note_ack(struct slot *s, const struct direction *other, const struct packet *p)
{
	int is_opener = !(s->marks & MARK_OPENER_IS_UPPER) == !p->from_upper;
	if (s->handshake != HANDSHAKE_SYN_ACK || !is_opener)
		return;
	__u32 took = microseconds() - s->client_rtt;
	s->handshake = HANDSHAKE_OVER;
	s->client_rtt = p->ack == other->next && (__s32)took >= 0 ? at_least_1(took) : 0;
}

/* behind is direction.behind of the Go code. */
static __always_inline void behind(struct direction *d, const struct packet *p, __u32 end, __u32 segments)
{
	__u32 old = d->next - p->seq, size = end - p->seq;
	__s32 beyond = end - d->next;
	if (old == 1 && (beyond > 0 || !(p->tcp_flags & TCP_FIN))) {
		if (beyond > 0)
			d->next = end;
		return;
	}
	if (d->hole != d->hole_end && (__s32)(end - d->hole) > 0 && (__s32)(p->seq - d->hole_end) < 0) {
		d->out_of_order += segments;
		if ((__s32)(p->seq - d->hole) <= 0)
			d->hole = (__s32)(end - d->hole_end) < 0 ? end : d->hole_end;
		else if ((__s32)(end - d->hole_end) >= 0)
			d->hole_end = p->seq;
	} else if (beyond > 0) {
		d->retransmits += ((__u64)old * segments + size - 1) / size;
	} else {
		d->retransmits += segments;
	}
	if (beyond > 0)
		d->next = end;
}

/* sequence is direction.sequence of the Go code. */
static __always_inline void sequence(struct direction *d, const struct packet *p, __u32 segments)
{
	__u32 end = p->seq + data_of(p);
	int is_syn = p->tcp_flags & TCP_SYN, has_next = d->has_next;
	if (p->tcp_flags & TCP_FIN)
		end++;
	if (is_syn) {
		end++;
		if (has_next && end == d->next) {
			d->retransmits += segments;
			return;
		}
		if (has_next && d->flags & TCP_ACK)
			return;
	} else if (has_next && end == p->seq) {
		return;
	}
	__s32 ahead = p->seq - d->next;
	if (!has_next || is_syn || ahead > FARTHEST || ahead < -FARTHEST) {
		d->has_next = 1;
		d->hole_end = d->hole;
		d->next = end;
		return;
	}
	if (ahead < 0) {
		behind(d, p, end, segments);
		return;
	}
	if (ahead > 0) {
		if (d->hole == d->hole_end || p->seq - d->hole > HOLE_SPAN)
			d->hole = d->next;
		d->hole_end = p->seq;
	}
	d->next = end;
}

static __always_inline void examine_one(struct slot *s, struct direction *d, const struct direction *other,
					const struct packet *p, __u32 segments)
{
	__u8 flags = p->tcp_flags, before = d->flags;
	d->flags |= flags;
	if (flags & TCP_RST) {
		if (d->resets < 0xffff)
			d->resets++;
		return;
	}
	if (!p->window && !(flags & (TCP_SYN | TCP_FIN)) && d->zero_windows < 0xffff)
		d->zero_windows++;
	if (flags & TCP_SYN) {
		if (flags & TCP_ACK)
			note_syn_ack(s, other, p);
		else
			note_syn(s, d, p);
	} else if (flags & ~before & TCP_ACK) {
		note_ack(s, other, p);
	}
	if (!p->fragment)
		sequence(d, p, segments);
}

/* examine handles the packets that quick leaves. A global function: few packets need it, and it is verified once. */
__noinline int examine(__u32 number, __u32 segments)
{
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	struct walk *w = this_walk();
	if (!s || !w)
		return 0;
	const struct packet *p = &w->packet;
	if (p->from_upper)
		examine_one(s, &s->upper, &s->lower, p, segments);
	else
		examine_one(s, &s->lower, &s->upper, p, segments);
	return 1;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The traffic of interfaces: each packet counts on each interface that it passes, also where it counts in no flow
 * because it did so before. packet.Traffic has the twin.
 */
#ifndef WEIR_TRAFFIC_H
#define WEIR_TRAFFIC_H

#include "config.h"
#include "maps.h"
#include "parse.h"

/* segments_of returns the frame's number of packets on the wire. For a frame from a guest gso_segs may be 0. */
static __always_inline __u32 segments_of(const struct frame *f, const struct packet *p)
{
	if (f->segments > 1 || f->segment_size == 0)
		return f->segments > 1 ? f->segments : 1;
	__u32 data = p->end > p->payload ? p->end - p->payload : 0;
	__u32 n = (data + f->segment_size - 1) / f->segment_size;
	return n ? n : 1;
}

/* wire_bytes adds the headers of each segment, which the frame has once. */
static __always_inline __u64 wire_bytes(const struct packet *p, __u32 segments)
{
	return p->bytes + (__u64)(segments - 1) * (p->payload - p->network);
}

/* traffic_of returns the traffic of the frame's interface and way, or 0 if it is not counted. */
static __always_inline struct traffic *traffic_of(const struct frame *f)
{
	struct interface *i = interface_of(f->ifindex);
	if (!i || !i->row)
		return 0;
	__u32 at = ((i->row - 1) * cpus + bpf_get_smp_processor_id()) * NUM_WAYS + f->way;
	return bpf_map_lookup_elem(&traffics, &at);
}

static __always_inline __u32 kind_of(__u8 version, __u8 proto)
{
	__u32 kind = version == 6 ? KIND_IPV6 : 0;
	if (proto == PROTO_TCP)
		return kind + KIND_TCP;
	if (proto == PROTO_UDP)
		return kind + KIND_UDP;
	if (proto == (version == 6 ? PROTO_ICMPV6 : PROTO_ICMP))
		return kind + KIND_ICMP;
	return kind + KIND_OTHER;
}

/* tally counts packets of one kind. longest: bytes of the longest of their frames, without a VLAN tag in metadata. */
static __always_inline void tally(struct traffic *t, const struct frame *f, __u32 kind, __u32 packets, __u64 bytes,
				  __u32 longest)
{
	struct kind_count *c = &t->kinds[kind & KIND_MASK];
	c->packets += packets;
	c->bytes += bytes;
	if (f->has_vlan)
		longest += 4;
	if (longest > t->largest)
		t->largest = longest;
}

static __always_inline void tally_packet(struct traffic *t, const struct frame *f, const struct packet *p,
					 __u32 segments)
{
	__u32 longest = f->length;
	if (segments > 1 && p->payload + f->segment_size < longest)
		longest = p->payload + f->segment_size;
	if (p->fragment)
		t->fragments += segments;
	tally(t, f, kind_of(p->version, p->proto), segments, wire_bytes(p, segments), longest);
}

/* tally_unread counts a frame after a read that found no IP header in it, or a broken one. */
static __always_inline void tally_unread(struct traffic *t, const struct frame *f)
{
	tally(t, f, KIND_NOT_IP, 1, 0, f->length);
}

/*
 * tally_plain counts a frame of one packet by the first bytes of its IP header. It leaves to read what has no or other
 * headers before the transport header, and returns 0.
 */
static __always_inline int tally_plain(struct traffic *t, const struct frame *f, const __u8 *data, const void *end)
{
	const __u32 network = f->link == LINK_ETHERNET ? ETHERNET_HEADER : 0;
	const __u8 *b = data + network;
	__u32 total, room = f->length - network;
	if (f->segment_size || (void *)(b + IPV6_HEADER) > end)
		return 0;
	__u16 type = f->link == LINK_ETHERNET ? be16(data + 12) : b[0] >> 4 == 4 ? ETHER_IPV4 : ETHER_IPV6;
	if (type == ETHER_IPV4) {
		total = be16(b + 2);
		if (b[0] != 0x45 || total < IPV4_HEADER || total > room)
			return 0;
		if (be16(b + 6) & 0x3fff)
			t->fragments++;
		tally(t, f, kind_of(4, b[9]), 1, total, f->length);
		return 1;
	}
	total = IPV6_HEADER + be16(b + 4);
	if (type != ETHER_IPV6 || b[0] >> 4 != 6 || total == IPV6_HEADER || total > room ||
	    (b[6] != PROTO_TCP && b[6] != PROTO_UDP && b[6] != PROTO_ICMPV6))
		return 0;
	tally(t, f, kind_of(6, b[6]), 1, total, f->length);
	return 1;
}

/* pass_any is pass for frames that tally_plain leaves; a global function, see skb_walk_link. */
__noinline int pass_any(struct __sk_buff *skb, __u32 link, __u32 way)
{
	struct frame f = {};
	skb_frame(&f, skb, link, way);
	struct traffic *t = traffic_of(&f);
	struct walk *w = this_walk();
	if (!t || !w)
		return 0;
	struct packet *p = &w->packet;
	__builtin_memset(p, 0, sizeof(*p));
	if (general(&f, ON_SKB))
		tally_packet(t, &f, p, segments_of(&f, p));
	else
		tally_unread(t, &f);
	return 1;
}

/* pass counts a frame that counts in no flow here. */
static __always_inline void pass(const struct frame *f, const enum context on)
{
	struct traffic *t = traffic_of(f);
	if (!t)
		return;
	int ok;
	if (on == ON_SOCKET) {
		__u8 b[ETHERNET_HEADER + IPV6_HEADER];
		ok = !bpf_skb_load_bytes(f->ctx, 0, b, sizeof(b)) && tally_plain(t, f, b, b + sizeof(b));
	} else {
		struct __sk_buff *skb = f->ctx;
		ok = tally_plain(t, f, (void *)(long)skb->data, (void *)(long)skb->data_end);
	}
	if (!ok)
		pass_any(f->ctx, f->link, f->way);
}

#endif

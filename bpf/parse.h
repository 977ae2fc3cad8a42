/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a frame to the key of its flow. This is the twin of the Go package packet, with the same flows and byte counts:
 * a test compares the two on random and mutated frames.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "config.h"
#include "maps.h"
#include "types.h"

#define ETHER_IPV4 0x0800
#define ETHER_BATMAN 0x4305
#define ETHER_VLAN 0x8100
#define ETHER_IPV6 0x86dd
#define ETHER_MPLS 0x8847
#define ETHER_MPLS_MULTICAST 0x8848
#define ETHER_PPPOE 0x8864
#define ETHER_QINQ 0x88a8
#define ETHER_PBB 0x88e7
#define ETHER_QINQ_OLD 0x9100
#define ETHER_MIN 0x0600

#define ETHERNET_HEADER 14
#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8
#define SCTP_HEADER 12

#define PROTO_ICMP 1
#define PROTO_IGMP 2
#define PROTO_IPIP 4
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_IPV6 41
#define PROTO_GRE 47
#define PROTO_ICMPV6 58
#define PROTO_ETHERIP 97
#define PROTO_L2TP 115
#define PROTO_SCTP 132
#define PROTO_UDPLITE 136

/* The IPv6 extension headers that the parser skips (IANA ipv6-parameters). */
#define EXT_HOP_BY_HOP 0
#define EXT_ROUTING 43
#define EXT_FRAGMENT 44
#define EXT_NONE 59
#define EXT_DESTINATION 60
#define EXT_MOBILITY 135
#define EXT_HIP 139
#define EXT_SHIM6 140

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* The limits of the Go package packet. */
#define MAX_VLANS 4
#define MAX_MPLS_LABELS 8
#define MAX_IPV6_EXTENSIONS 8

/* Headers end before this, or the packet counts as broken: 8 extension headers have at most 16.5 KiB. */
#define MAX_HEADERS 0x7fff

/* The kind of context that a program runs on. */
enum context {
	ON_SKB, /* TC */
	ON_SOCKET, /* a socket filter: an skb without direct access to its bytes */
	ON_XDP,
};

struct frame {
	void *ctx;
	__u32 length; /* in bytes, without a VLAN tag in metadata */
	__u32 segments, segment_size; /* of GSO and GRO; 0: none */
	__u32 ifindex;
	__u16 vlan; /* TCI in metadata */
	__u16 vlan_proto; /* of that tag, network order */
	__u8 has_vlan;
	__u8 link; /* enum link */
	__u8 way; /* enum way */
};

/* A parsed packet. */
struct packet {
	struct flow_key key;
	__u64 src_high, src_low, dst_high, dst_low;
	__u32 network; /* offset of the IP header */
	__u32 payload; /* offset of the payload; without TCP, UDP, UDP-Lite and SCTP that of the inner header */
	__u32 end; /* offset of the end of the IP packet, or of the frame */
	__u32 bytes; /* of the IP packet on the wire, as one packet */
	__u32 fragment_id;
	__u32 seq, ack;
	__u32 echo; /* of an ICMP query: a digest that translation of addresses and identifier preserves */
	__u16 src_port, dst_port;
	__u16 vlans; /* digest of the VLAN identifiers, 0 without */
	__u16 window; /* TCP */
	__u8 ttl, tos; /* or hop limit, traffic class; with window only if tcp_health */
	__u8 version, proto;
	__u8 tcp_flags;
	__u8 icmp_type, icmp_code;
	__u8 fragment, later_fragment;
	__u8 from_upper;
	__u8 is_tunnel; /* by protocol or port; the agent decides whether it is one */
	__u8 broken; /* the transport header is invalid */
	__u8 is_query; /* of ICMP, with an identifier */
	__u8 early; /* a later fragment without its first one so far */
	__u8 awaited; /* a first fragment, after later ones went to the agent */
	__u8 tags, labels; /* numbers of VLAN tags and MPLS labels so far */
};

/*
 * load copies n bytes at off, even from the non-linear part of an skb. bpf_xdp_load_bytes exists since Linux
 * 5.18.
 */
static __always_inline int load(const struct frame *f, const enum context on, __u32 off, void *to, const __u32 n)
{
	if (off > MAX_HEADERS)
		return -1;
	if (on == ON_XDP)
		return bpf_xdp_load_bytes(f->ctx, off, to, n);
	return bpf_skb_load_bytes(f->ctx, off, to, n);
}

static __always_inline __u16 be16(const __u8 *b)
{
	return (__u16)b[0] << 8 | b[1];
}

static __always_inline __u32 be32(const __u8 *b)
{
	return (__u32)be16(b) << 16 | be16(b + 2);
}

static __always_inline __u64 be64(const __u8 *b)
{
	return (__u64)be32(b) << 32 | be32(b + 4);
}

/* add_vlan is one step of flow.networkDigest. Identifier 0 is a priority tag: the same network as without a tag. */
static __always_inline void add_vlan(struct packet *p, __u16 tci)
{
	__u16 id = tci & 0x0fff;
	if (id)
		p->vlans = p->vlans * 40503 + id;
}

/*
 * link_layer parses the headers below the network layer. It sets p->network and returns the IP version, or 0 with the
 * cause. It keeps its offset and state in p, which is map memory: with variables the verifier would explore every
 * combination separately.
 */
static __always_inline int link_layer(const struct frame *f, const enum context on, struct packet *p, enum cause *why)
{
	__u8 b[10];
	__u16 type;

	if (f->link == LINK_RAW) {
		*why = CAUSE_TRUNCATED;
		if (load(f, on, 0, b, 1))
			return 0;
		*why = CAUSE_BAD_HEADER;
		p->network = 0;
		b[0] >>= 4;
		return b[0] == 4 || b[0] == 6 ? b[0] : 0;
	}
	*why = CAUSE_TRUNCATED;
	if (load(f, on, 12, b, 2))
		return 0;
	p->network = ETHERNET_HEADER;
	type = be16(b);
	if (f->has_vlan) {
		add_vlan(p, f->vlan);
		p->tags = 1;
	}
	for (int i = 0; i < MAX_VLANS + MAX_MPLS_LABELS + 2; i++) {
		switch (type) {
		case ETHER_IPV4:
			return 4;
		case ETHER_IPV6:
			return 6;
		case ETHER_VLAN:
		case ETHER_QINQ:
		case ETHER_QINQ_OLD:
			*why = CAUSE_TOO_DEEP;
			if (++p->tags > MAX_VLANS)
				return 0;
			*why = CAUSE_TRUNCATED;
			if (load(f, on, p->network, b, 4))
				return 0;
			add_vlan(p, be16(b));
			type = be16(b + 2);
			p->network += 4;
			break;
		case ETHER_MPLS:
		case ETHER_MPLS_MULTICAST:
			/* RFC 3032 §2.1; after the last label the first nibble shows the protocol (RFC 4928). */
			*why = CAUSE_TRUNCATED;
			if (load(f, on, p->network, b, 4))
				return 0;
			*why = CAUSE_TOO_DEEP;
			if (++p->labels > MAX_MPLS_LABELS)
				return 0;
			p->network += 4;
			if (!(b[2] & 1))
				break;
			*why = CAUSE_TRUNCATED;
			if (load(f, on, p->network, b, 1))
				return 0;
			*why = CAUSE_ODD; /* a pseudowire, perhaps */
			b[0] >>= 4;
			if (b[0] != 4 && b[0] != 6)
				return 0;
			return b[0];
		case ETHER_PPPOE: {
			/* RFC 2516 §4: version and type 1, code 0; then PPP, as in packet.ppp. */
			*why = CAUSE_TRUNCATED;
			if (load(f, on, p->network, b, 6))
				return 0;
			*why = CAUSE_NOT_IP;
			if (b[0] != 0x11 || b[1] != 0)
				return 0;
			p->network += 6;
			*why = CAUSE_TRUNCATED;
			if (load(f, on, p->network, b, 2) == 0 && b[0] == 0xff && b[1] == 0x03)
				p->network += 2;
			if (load(f, on, p->network, b, 1))
				return 0;
			__u16 ppp = b[0];
			p->network++;
			if (!(ppp & 1)) {
				if (load(f, on, p->network, b, 1))
					return 0;
				ppp = ppp << 8 | b[0];
				p->network++;
			}
			*why = CAUSE_NOT_IP;
			if (ppp == 0x0021)
				type = ETHER_IPV4;
			else if (ppp == 0x0057)
				type = ETHER_IPV6;
			else if (ppp == 0x0281 || ppp == 0x0283)
				type = ETHER_MPLS;
			else
				return 0;
			break;
		}
		default:
			/* LLC and frames in frames may carry IP: rare, so the agent parses them. */
			*why = type < ETHER_MIN || type == ETHER_BATMAN || type == ETHER_PBB ? CAUSE_ODD : CAUSE_NOT_IP;
			return 0;
		}
	}
	*why = CAUSE_TOO_DEEP;
	return 0;
}

static __always_inline int is_tunnel_port(__u16 port)
{
	switch (port) {
	case 1701: /* L2TP */
	case 2152: /* GTP-U */
	case 3544: /* Teredo */
	case 4754: /* GRE in UDP */
	case 4789: /* VXLAN */
	case 4790: /* VXLAN, generic form */
	case 5247: /* CAPWAP */
	case 6081: /* Geneve */
	case 8472: /* VXLAN before RFC 7348 */
	case 37008: /* TZSP */
		return 1;
	}
	return 0;
}

/* query_of is packet.ICMPQuery of the Go code: the type of request of a query or its answer, or 0. */
static __always_inline __u8 query_of(__u8 proto, __u8 type, int *is_reply)
{
	*is_reply = 0;
	if (proto == PROTO_ICMP) {
		switch (type) {
		case 8: /* echo (RFC 792) */
		case 13: /* timestamp */
		case 15: /* information */
		case 17: /* address mask (RFC 950) */
		case 42: /* extended echo (RFC 8335) */
			return type;
		case 0:
			*is_reply = 1;
			return 8;
		case 14:
		case 16:
		case 18:
		case 43:
			*is_reply = 1;
			return type - 1;
		}
	} else if (proto == PROTO_ICMPV6) {
		if (type == 128 || type == 160) /* RFC 4443 §4.1, RFC 8335 */
			return type;
		if (type == 129 || type == 161) {
			*is_reply = 1;
			return type - 1;
		}
	}
	return 0;
}

/*
 * query gives an ICMP query its identifier as a port, like packet.QueryPorts; b has its first 8 bytes. The checksum
 * (RFC 1071) without the identifier, and without the addresses if it covers them (RFC 4443 §2.3), depends only on the
 * rest, and so distinguishes concurrent queries.
 */
static __always_inline void query(struct packet *p, const __u8 *b)
{
	int is_reply;
	__u16 type = query_of(p->proto, b[0], &is_reply), id = be16(b + 4);
	if (!type)
		return;
	type <<= 8;
	p->is_query = 1;
	p->src_port = is_reply ? type : id;
	p->dst_port = is_reply ? id : type;
	const __u64 ones = 0xffff; /* 2^64 is 1 modulo this: a word is as good as the sum of its halves */
	__u64 sum = (ones - be16(b + 2)) + (ones - id);
	if (p->proto == PROTO_ICMPV6)
		sum += (~p->src_high) % ones + (~p->src_low) % ones + (~p->dst_high) % ones + (~p->dst_low) % ones;
	p->echo = (__u32)be16(b + 6) << 16 | sum % ones;
}

/*
 * transport reads ports and other fields from the header of p->proto at off. total is the end of the IP packet by its
 * own length; p->end is that or the end of the frame, whichever is first.
 */
static __always_inline void transport(const struct frame *f, const enum context on, struct packet *p, __u32 off,
				      __u32 total)
{
	__u8 b[16] = {};
	__u32 room = p->end > off ? p->end - off : 0;

	p->payload = off;
	p->broken = 1;
	switch (p->proto) {
	case PROTO_TCP:
		if (room < TCP_HEADER)
			break;
		if (load(f, on, off, b, 16))
			return;
		p->src_port = be16(b);
		p->dst_port = be16(b + 2);
		__u32 header = (b[12] >> 4) * 4;
		if (header < TCP_HEADER || header > total - off)
			return;
		p->seq = be32(b + 4);
		p->ack = be32(b + 8);
		p->tcp_flags = b[13];
		p->window = be16(b + 14);
		p->payload = off + header;
		p->broken = 0;
		return;
	case PROTO_UDP:
		if (room < UDP_HEADER)
			break;
		if (load(f, on, off, b, 6))
			return;
		p->src_port = be16(b);
		p->dst_port = be16(b + 2);
		__u32 length = be16(b + 4);
		if (length && (length < UDP_HEADER || (length > total - off && !p->fragment)))
			return;
		if (length && length < room)
			p->end = off + length;
		p->payload = off + UDP_HEADER;
		p->broken = 0;
		p->is_tunnel = is_tunnel_port(p->src_port) || is_tunnel_port(p->dst_port);
		return;
	case PROTO_SCTP:
	case PROTO_UDPLITE:
		header = p->proto == PROTO_SCTP ? SCTP_HEADER : UDP_HEADER;
		if (room < header)
			break;
		if (load(f, on, off, b, 6))
			return;
		p->src_port = be16(b);
		p->dst_port = be16(b + 2);
		__u32 coverage = be16(b + 4); /* RFC 3828 §3.1 */
		if (p->proto == PROTO_UDPLITE &&
		    ((coverage && coverage < UDP_HEADER) || (coverage > total - off && !p->fragment)))
			return;
		p->payload = off + header;
		p->broken = 0;
		return;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
	case PROTO_IGMP:
		if (room < 4 || load(f, on, off, b, 2))
			return;
		p->icmp_type = b[0];
		p->icmp_code = p->proto == PROTO_IGMP ? 0 : b[1];
		p->broken = 0;
		if (room >= 8 && load(f, on, off, b, 8) == 0)
			query(p, b);
		return;
	case PROTO_IPIP:
	case PROTO_IPV6:
	case PROTO_GRE:
	case PROTO_ETHERIP:
	case PROTO_L2TP:
		p->is_tunnel = 1;
		p->broken = 0;
		return;
	default:
		p->broken = 0;
		return;
	}
	/* The ports of a truncated header may be complete. */
	if (room >= 4 && load(f, on, off, b, 4) == 0) {
		p->src_port = be16(b);
		p->dst_port = be16(b + 2);
	}
}

/* bound sets the fields that depend on the IP packet's length, and returns the end by that length. */
static __always_inline __u32 bound(const struct frame *f, struct packet *p, __u32 total)
{
	__u32 wire = f->length - p->network;
	p->end = p->network + (total < wire ? total : wire);
	p->bytes = total < wire ? total : wire;
	return p->network + total;
}

static __always_inline int ipv4(const struct frame *f, const enum context on, struct packet *p, enum cause *why)
{
	__u8 b[IPV4_HEADER];
	__u32 off = p->network;

	*why = CAUSE_TRUNCATED;
	if (load(f, on, off, b, IPV4_HEADER))
		return 0;
	__u32 header = (b[0] & 0x0f) * 4;
	__u32 total = be16(b + 2);
	if (total == 0) /* segmentation offload: the card fills it in */
		total = f->length - off;
	*why = CAUSE_BAD_HEADER;
	if (b[0] >> 4 != 4 || header < IPV4_HEADER || total < header)
		return 0;
	*why = CAUSE_TRUNCATED;
	if (f->length - off < header)
		return 0;
	p->version = 4;
	p->proto = b[9];
	p->tos = b[1];
	p->ttl = b[8];
	p->src_low = be32(b + 12);
	p->dst_low = be32(b + 16);
	__u32 end = bound(f, p, total);
	off += header;
	__u16 fragment = be16(b + 6);
	if (fragment & 0x3fff) { /* an offset, or more to come */
		p->fragment = 1;
		p->fragment_id = be16(b + 4);
		if (fragment & 0x1fff) {
			p->later_fragment = 1;
			p->payload = off;
			return 1;
		}
	}
	transport(f, on, p, off, end);
	return 1;
}

static __always_inline int ipv6(const struct frame *f, const enum context on, struct packet *p, enum cause *why)
{
	__u8 b[IPV6_HEADER];
	__u32 off = p->network;

	*why = CAUSE_TRUNCATED;
	if (load(f, on, off, b, IPV6_HEADER))
		return 0;
	*why = CAUSE_BAD_HEADER;
	if (b[0] >> 4 != 6)
		return 0;
	p->version = 6;
	p->proto = b[6];
	p->tos = b[0] << 4 | b[1] >> 4;
	p->ttl = b[7];
	p->src_high = be64(b + 8);
	p->src_low = be64(b + 16);
	p->dst_high = be64(b + 24);
	p->dst_low = be64(b + 32);
	__u32 total = IPV6_HEADER + be16(b + 4);
	if (total == IPV6_HEADER && p->proto != EXT_NONE) /* longer than the field can say, or the card's to fill in */
		total = f->length - off;
	__u32 end = bound(f, p, total);
	off += IPV6_HEADER;
	p->payload = off;
	if (p->proto == PROTO_TCP || p->proto == PROTO_UDP) {
		transport(f, on, p, off, end);
		return 1;
	}
	p->broken = 1; /* until the walk ends well */
/* Unrolled: kernels before 6.2 or so reject the back edge of this loop, which clang does not make a jump. */
#pragma clang loop unroll(full)
	for (int i = 0; i <= MAX_IPV6_EXTENSIONS; i++) {
		__u32 length = 8;
		switch (p->proto) {
		case EXT_HOP_BY_HOP:
		case EXT_ROUTING:
		case EXT_FRAGMENT:
		case EXT_DESTINATION:
		case EXT_MOBILITY:
		case EXT_HIP:
		case EXT_SHIM6:
			break;
		default:
			transport(f, on, p, off, end);
			return 1;
		}
		p->payload = off;
		if (i == MAX_IPV6_EXTENSIONS || p->end < off + 8 || load(f, on, off, b, 8))
			return 1;
		if (p->proto == EXT_FRAGMENT) {
			__u16 field = be16(b + 2);
			if (field & 0xfff9) { /* not an atomic fragment (RFC 6946) */
				p->fragment = 1;
				p->fragment_id = be32(b + 4);
				if (field & 0xfff8) {
					p->later_fragment = 1;
					p->proto = b[0];
					p->payload = off + 8;
					return 1;
				}
			}
		} else {
			if (p->proto >= EXT_MOBILITY && b[0] == EXT_NONE) { /* a message of its own */
				p->broken = 0;
				return 1;
			}
			length += b[1] * 8;
			if (p->end < off + length)
				return 1;
		}
		p->proto = b[0];
		off += length;
	}
	return 1;
}

/* datagram identifies the datagram of fragment p: packet.Datagram of the Go code. */
static __always_inline struct fragment_key datagram(const struct packet *p)
{
	struct fragment_key key = {
		.src_high = p->src_high,
		.src_low = p->src_low,
		.dst_high = p->dst_high,
		.dst_low = p->dst_low,
		.id = p->fragment_id,
		.proto = p->version == 4 ? p->proto : 0,
		.version = p->version,
	};
	return key;
}

/* resolve gives later fragments the ports of the first one, like packet.Fragments. */
static __always_inline void resolve(struct packet *p, __u64 now)
{
	const __u64 lifetime = 30000000000ULL;
	struct fragment_key key = datagram(p);
	struct fragment_ports *found = bpf_map_lookup_elem(&fragments, &key);
	if (found && now - found->time > lifetime)
		found = 0;
	if (p->later_fragment) {
		p->early = !found || found->awaited;
		if (!p->early) {
			p->src_port = found->src;
			p->dst_port = found->dst;
			p->proto = found->proto;
		}
		return;
	}
	if (p->broken)
		return;
	p->awaited = found && found->awaited;
	struct fragment_ports ports = { .time = now, .src = p->src_port, .dst = p->dst_port, .proto = p->proto };
	bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
}

/* await notes that later fragments of p's datagram arrived before the first one. */
static __always_inline void await(const struct packet *p, __u64 now)
{
	struct fragment_key key = datagram(p);
	struct fragment_ports ports = { .time = now, .awaited = 1 };
	bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
}

/* make_key makes the key, with the two ends in order. */
static __always_inline void make_key(struct packet *p)
{
	__u64 rest = (__u64)(ignore_vlan ? 0 : p->vlans) << 16 | (__u64)p->proto << 8 | p->version;
	__u64 src = p->src_port, dst = p->dst_port;
	if (p->src_high < p->dst_high ||
	    (p->src_high == p->dst_high && (p->src_low < p->dst_low || (p->src_low == p->dst_low && src <= dst)))) {
		p->key.lower_high = p->src_high;
		p->key.lower_low = p->src_low;
		p->key.upper_high = p->dst_high;
		p->key.upper_low = p->dst_low;
		p->key.rest = src << 48 | dst << 32 | rest;
		return;
	}
	p->key.lower_high = p->dst_high;
	p->key.lower_low = p->dst_low;
	p->key.upper_high = p->src_high;
	p->key.upper_low = p->src_low;
	p->key.rest = dst << 48 | src << 32 | rest;
	p->from_upper = 1;
}

/*
 * The parsed packet, one per CPU: programs run with bottom halves disabled. It is not on the stack, because the
 * verifier tracks the stack, and would explore every combination of headers as a case of its own.
 */
struct walk {
	struct packet packet;
	enum cause why;
	int version; /* of IP, by the link layer */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk);
} walks SEC(".maps");

static __always_inline struct walk *this_walk(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&walks, &zero);
}

static __always_inline int walk_link(const struct frame *f, const enum context on)
{
	struct walk *w = this_walk();
	if (!w)
		return 0;
	w->version = link_layer(f, on, &w->packet, &w->why);
	return w->version;
}

static __always_inline int walk_network(const struct frame *f, const enum context on)
{
	struct walk *w = this_walk();
	if (!w)
		return 0;
	return w->version == 4 ? ipv4(f, on, &w->packet, &w->why) : ipv6(f, on, &w->packet, &w->why);
}

static __always_inline void skb_frame(struct frame *f, struct __sk_buff *skb, __u8 link, __u8 way)
{
	f->ctx = skb;
	f->way = way;
	f->length = skb->len;
	f->ifindex = skb->ifindex;
	f->has_vlan = skb->vlan_present && link == LINK_ETHERNET;
	f->vlan = skb->vlan_tci;
	f->vlan_proto = skb->vlan_proto;
	f->link = link;
	f->segments = skb->gso_segs;
	f->segment_size = skb->gso_size;
}

static __always_inline void xdp_frame(struct frame *f, struct xdp_md *xdp)
{
	f->ctx = xdp;
	f->length = xdp->data_end - xdp->data;
	f->ifindex = xdp->ingress_ifindex;
	f->link = LINK_ETHERNET;
}

/*
 * The general path, for all but plain packets, consists of global functions: the verifier checks each only once,
 * regardless of the caller's state.
 */
__noinline int skb_walk_link(struct __sk_buff *skb, __u32 link)
{
	struct frame f = {};
	skb_frame(&f, skb, link, 0);
	return walk_link(&f, ON_SKB);
}

__noinline int skb_walk_network(struct __sk_buff *skb)
{
	struct frame f = {};
	skb_frame(&f, skb, 0, 0); /* the link layer is done */
	return walk_network(&f, ON_SKB);
}

__noinline int xdp_walk_link(struct xdp_md *xdp)
{
	struct frame f = {};
	xdp_frame(&f, xdp);
	return walk_link(&f, ON_XDP);
}

__noinline int xdp_walk_network(struct xdp_md *xdp)
{
	struct frame f = {};
	xdp_frame(&f, xdp);
	return walk_network(&f, ON_XDP);
}

/* general parses a frame on the general path. */
static __always_inline int general(const struct frame *f, const enum context on)
{
	if (on == ON_XDP)
		return xdp_walk_link(f->ctx) && xdp_walk_network(f->ctx);
	return skb_walk_link(f->ctx, f->link) && skb_walk_network(f->ctx);
}

/*
 * The plain functions parse complete, untagged TCP or UDP directly in IP, without options or fragments: nearly every
 * packet. b has PLAIN_BYTES from the IP header on; network is the header's offset in the frame. If they return 0, they
 * leave p unchanged.
 */
#define PLAIN_BYTES (IPV4_HEADER + TCP_HEADER)
#define PLAIN_BYTES_6 (IPV6_HEADER + TCP_HEADER)

/*
 * half and word read a number in place: from bytes, be16 and be32 would take a load and a shift for each. Kernels of
 * machines that need alignment place an Ethernet frame so that its network header is aligned to words, and one without
 * a link layer to halves of words (NET_IP_ALIGN).
 */
static __always_inline __u16 half(const __u8 *b)
{
	return bpf_ntohs(*(const __u16 *)b);
}

static __always_inline __u32 word(const struct frame *f, const __u8 *b)
{
	return f->link == LINK_ETHERNET ? bpf_ntohl(*(const __u32 *)b) : (__u32)half(b) << 16 | half(b + 2);
}

static __always_inline __u64 words(const struct frame *f, const __u8 *b)
{
	return (__u64)word(f, b) << 32 | word(f, b + 4);
}

static __always_inline int plain_transport(const struct frame *f, struct packet *p, const __u8 *t, __u8 proto,
					   __u32 off, __u32 network, __u32 total)
{
	__u32 payload;
	if (total > f->length - network)
		return 0;
	if (proto == PROTO_TCP) {
		__u32 header = (t[12] >> 4) * 4;
		payload = off + header;
		if (header < TCP_HEADER || payload > network + total)
			return 0;
		p->seq = word(f, t + 4);
		p->ack = word(f, t + 8);
		p->tcp_flags = t[13];
		if (tcp_health)
			p->window = half(t + 14);
	} else {
		__u16 src = half(t), dst = half(t + 2);
		if (proto != PROTO_UDP || half(t + 4) != network + total - off || is_tunnel_port(src) ||
		    is_tunnel_port(dst))
			return 0;
		payload = off + UDP_HEADER;
	}
	p->src_port = half(t);
	p->dst_port = half(t + 2);
	p->proto = proto;
	p->network = network;
	p->payload = payload;
	p->end = network + total;
	p->bytes = total;
	return 1;
}

static __always_inline int plain4(const struct frame *f, struct packet *p, const __u8 *b, __u32 network)
{
	if (b[0] != 0x45 || half(b + 6) & 0x3fff)
		return 0;
	if (!plain_transport(f, p, b + IPV4_HEADER, b[9], network + IPV4_HEADER, network, half(b + 2)))
		return 0;
	p->version = 4;
	if (tcp_health) {
		p->tos = b[1];
		p->ttl = b[8];
	}
	p->src_low = word(f, b + 12);
	p->dst_low = word(f, b + 16);
	return 1;
}

static __always_inline int plain6(const struct frame *f, struct packet *p, const __u8 *b, __u32 network)
{
	__u32 length = half(b + 4);
	if (b[0] >> 4 != 6 || !length)
		return 0;
	if (!plain_transport(f, p, b + IPV6_HEADER, b[6], network + IPV6_HEADER, network, IPV6_HEADER + length))
		return 0;
	p->version = 6;
	if (tcp_health) {
		p->tos = b[0] << 4 | b[1] >> 4;
		p->ttl = b[7];
	}
	p->src_high = words(f, b + 8);
	p->src_low = words(f, b + 16);
	p->dst_high = words(f, b + 24);
	p->dst_low = words(f, b + 32);
	return 1;
}

/* plain parses the frame's first bytes, from data to end. */
static __always_inline int plain(const struct frame *f, struct packet *p, const __u8 *data, const void *end)
{
	const __u32 network = f->link == LINK_ETHERNET ? ETHERNET_HEADER : 0;
	int version;
	if ((void *)(data + network + PLAIN_BYTES) > end || f->has_vlan)
		return 0;
	if (f->link == LINK_ETHERNET) {
		__u16 type = half(data + 12);
		version = type == ETHER_IPV4 ? 4 : type == ETHER_IPV6 ? 6 : 0;
	} else {
		version = data[0] >> 4;
	}
	if (version == 4)
		return plain4(f, p, data + network, network);
	if (version != 6 || (void *)(data + network + PLAIN_BYTES_6) > end)
		return 0;
	return plain6(f, p, data + network, network);
}

/*
 * read returns the packet if the frame is an IP packet that counts in a flow; else 0, with the cause. The packet is
 * valid until the next read.
 */
static __always_inline struct packet *read(const struct frame *f, const enum context on, enum cause *why)
{
	struct walk *w = this_walk();
	if (!w)
		return 0;
	struct packet *p = &w->packet;
	__builtin_memset(p, 0, sizeof(*p));
	int ok;
	if (on == ON_SOCKET) {
		struct { /* aligned as in an skb */
			__u16 pad;
			__u8 b[ETHERNET_HEADER + PLAIN_BYTES];
		} __attribute__((aligned(8))) s;
		const __u32 n = f->link == LINK_ETHERNET ? ETHERNET_HEADER + PLAIN_BYTES : PLAIN_BYTES;
		ok = !bpf_skb_load_bytes(f->ctx, 0, s.b, n) && plain(f, p, s.b, s.b + n);
	} else if (on == ON_XDP) {
		struct xdp_md *xdp = f->ctx;
		ok = plain(f, p, (void *)(long)xdp->data, (void *)(long)xdp->data_end);
	} else {
		struct __sk_buff *skb = f->ctx;
		ok = plain(f, p, (void *)(long)skb->data, (void *)(long)skb->data_end);
	}
	if (!ok && !general(f, on)) {
		*why = w->why;
		return 0;
	}
	return p;
}

/* identify finds the flow that a packet belongs to. */
static __always_inline void identify(struct packet *p)
{
	if (p->fragment)
		resolve(p, bpf_ktime_get_ns());
	make_key(p);
}

#endif

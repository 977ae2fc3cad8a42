// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs that weir attaches. They read and count, and pass every packet on unchanged: TC programs return "next"
 * (TCX_NEXT and TC_ACT_UNSPEC are the same number), XDP programs XDP_PASS.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "cache.h"
#include "config.h"
#include "flood.h"
#include "flow.h"
#include "maps.h"
#include "nat.h"
#include "parse.h"
#include "sample.h"
#include "traffic.h"

#define GO_ON (-1) /* TCX_NEXT, TC_ACT_UNSPEC */
#define PACKET_OUTGOING 4 /* linux/if_packet.h */
#define LOOPBACK_IFINDEX 1 /* of every namespace: include/net/flow.h of Linux */

/* was_counted reports whether an outgoing packet was counted on its ingress interface. */
static __always_inline int was_counted(__u32 ingress_ifindex)
{
	if (!ingress_ifindex)
		return 0; /* the host's own */
	struct interface *i = interface_of(ingress_ifindex);
	return i && i->ingress;
}

static __always_inline int ingress(struct __sk_buff *skb, __u8 link)
{
	struct frame f = {};
	skb_frame(&f, skb, link, WAY_RECEIVED);
	watch(&f, ON_SKB, 1);
	return GO_ON;
}

static __always_inline int egress(struct __sk_buff *skb, __u8 link)
{
	struct frame f = {};
	skb_frame(&f, skb, link, WAY_SENT);
	int is_forwarded = was_counted(skb->ingress_ifindex);
	if (!is_forwarded && (link != LINK_ETHERNET || !may_flood(skb) || !is_flooded(skb))) {
		watch(&f, ON_SKB, 0);
		return GO_ON;
	}
	pass(&f, ON_SKB);
	if (is_forwarded)
		goes_out(&f, skb);
	return GO_ON;
}

SEC("tc")
int weir_ingress(struct __sk_buff *skb)
{
	return ingress(skb, LINK_ETHERNET);
}

SEC("tc")
int weir_egress(struct __sk_buff *skb)
{
	return egress(skb, LINK_ETHERNET);
}

/* For links without a link layer: tun, PPP, WireGuard, IP tunnels. */
SEC("tc")
int weir_ingress_raw(struct __sk_buff *skb)
{
	return ingress(skb, LINK_RAW);
}

SEC("tc")
int weir_egress_raw(struct __sk_buff *skb)
{
	return egress(skb, LINK_RAW);
}

SEC("xdp")
int weir_xdp(struct xdp_md *xdp)
{
	struct frame f = {};
	xdp_frame(&f, xdp);
	watch(&f, ON_XDP, 0);
	return XDP_PASS;
}

/* The shunt of packet sockets counts packets of decided flows here, and does not copy them. */
static __always_inline int shunt(struct __sk_buff *skb, __u8 link)
{
	struct frame f = {};
	int is_sent = skb->pkt_type == PACKET_OUTGOING;
	if (is_sent && skb->ifindex == LOOPBACK_IFINDEX)
		return 0; /* it comes in at once */
	skb_frame(&f, skb, link, is_sent ? WAY_SENT : WAY_RECEIVED);
	if (is_sent && (was_counted(skb->ingress_ifindex) || (link == LINK_ETHERNET && is_flooded(skb)))) {
		pass(&f, ON_SOCKET);
		return 0;
	}
	return watch(&f, ON_SOCKET, 0) ? snap_length : 0;
}

SEC("socket")
int weir_shunt(struct __sk_buff *skb)
{
	return shunt(skb, LINK_ETHERNET);
}

SEC("socket")
int weir_shunt_raw(struct __sk_buff *skb)
{
	return shunt(skb, LINK_RAW);
}

/*
 * net.core.optmem_max bounds a socket's filter: 20 KiB before Linux 6.7. The shunt is longer (ENOMEM), so the sockets
 * get a filter that tail-calls it. After the end of the helper, which holds the map, the call fails, and the filter
 * passes all.
 */
SEC("socket")
int weir_filter(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &shunts, SHUNT_ETHERNET);
	return snap_length;
}

SEC("socket")
int weir_filter_raw(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &shunts, SHUNT_RAW);
	return snap_length;
}

/* Distributes frames to the sockets of a fanout group: to the worker whose slots the shunt counts them in. */
SEC("socket")
int weir_fanout(struct __sk_buff *skb)
{
	return socket_worker(skb);
}

static __always_inline int slot_retire(__u32 number)
{
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	if (!s)
		return 0;
	struct flow_key key = s->key;
	s->is_listed = 0;
	__u32 *found = bpf_map_lookup_elem(&flows, &key);
	if (found && *found == number)
		bpf_map_delete_elem(&flows, &key);
	forget(&key);
	forget_alias(number);
	return 0;
}

static __always_inline int slot_release(__u32 number)
{
	struct slot *s = bpf_map_lookup_elem(&slots, &number);
	struct budget *budget = bpf_map_lookup_elem(&budgets, &number);
	__u32 worker = number / slots_per_worker;
	void *stack = bpf_map_lookup_elem(&stacks, &worker);
	if (!s || !budget || !stack)
		return 0;
	s->born = 0;
	*budget = (struct budget){};
	forget_alias(number); /* one that a packet entered that was under way when the slot was retired */
	__builtin_memset(s, 0, sizeof(*s));
	bpf_map_push_elem(stack, &number, BPF_ANY);
	return 0;
}

/* A global function: the verifier checks it once, instead of once per iteration of the loop. */
__noinline int slot_do(__u32 operation, __u32 number)
{
	if (operation == SLOTS_RETIRE)
		return slot_retire(number);
	if (operation == SLOTS_RELEASE)
		return slot_release(number);
	return 0;
}

SEC("tc")
int weir_slots(struct __sk_buff *skb)
{
	__u32 operation, number, off = 4;
	if (bpf_skb_load_bytes(skb, 0, &operation, 4))
		return -1;
	for (int i = 0; i < SLOTS_MAX; i++, off += 4) {
		if (bpf_skb_load_bytes(skb, off, &number, 4))
			return i;
		if (number == SLOT_NONE)
			continue;
		slot_do(operation, number);
	}
	return SLOTS_MAX;
}

/* Keep types that only the agent uses in the BTF. */
struct record *unused_record __attribute__((unused));
enum cause *unused_cause __attribute__((unused));
enum mark *unused_mark __attribute__((unused));
enum handshake *unused_handshake __attribute__((unused));
enum link *unused_link __attribute__((unused));
enum slots_operation *unused_slots_operation __attribute__((unused));
enum room *unused_room __attribute__((unused));
enum slot_number *unused_slot_number __attribute__((unused));
enum shunt *unused_shunt __attribute__((unused));
enum link_limits *unused_link_limits __attribute__((unused));
enum way *unused_way __attribute__((unused));
enum kind *unused_kind __attribute__((unused));
enum cache_limits *unused_cache_limits __attribute__((unused));

char __license[] SEC("license") = "GPL";

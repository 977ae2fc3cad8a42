// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracing programs that tell which process a socket is of: at tracepoints, when the process connects, listens, and
 * first sends or receives. They see no packet and change nothing: none can refuse a call.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define AF_INET6 10
#define TCP_ESTABLISHED 1 /* net/tcp_states.h */
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define LEVELS 4

enum socket_kind {
	SOCKET_USED = 1, /* sent or received: the socket's ends as they are */
	SOCKET_LISTENS,
	SOCKET_CONNECTS, /* the local port is not yet chosen: SOCKET_NAMED follows */
	SOCKET_NAMED, /* the ends of a socket that connected; without the process */
};

/* What user space gets. Addresses are of IPv6, those of IPv4 mapped. */
struct socket_event {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u64 start; /* of the process, CLOCK_BOOTTIME, ns */
	__u64 socket; /* its number while it lives */
	__u8 local[16], remote[16];
	__u16 local_port, remote_port; /* host byte order */
	__u32 netns; /* inode */
	__u32 pid, uid; /* of the initial namespaces */
	__u8 kind, proto;
	__u8 pad[6];
	__u8 comm[16]; /* of the process, not of the thread */
	__u8 cgroups[LEVELS][96]; /* names, the innermost first; empty: none further out */
};

/* Types of the kernel, as far as they are used here; loading finds their members (CO-RE). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct inet_sock {
	__u16 inet_sport;
};

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
};

struct kernfs_node___6_15 {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

struct kuid {
	unsigned int val;
};

struct cred {
	struct kuid euid;
};

struct task_struct {
	struct task_struct *group_leader;
	__u64 start_boottime;
	struct css_set *cgroups;
	char comm[16];
};

#pragma clang attribute pop

enum cgroup_subsys_id {
	pids_cgrp_id,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} socket_events SEC(".maps");

/* What was told of a socket last. It goes with the socket. */
struct told {
	__u32 pid;
	__u32 remote; /* of the peer's address and port */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct told);
} sockets_told SEC(".maps");

/* Events without room in the ring, per CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} socket_events_lost SEC(".maps");

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	struct kernfs_node___6_15 *newer = (void *)kn;
	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* node_of returns the task's node in the hierarchy of version 2, or if that is the root in version 1's of pids. */
static __always_inline struct kernfs_node *node_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct kernfs_node *kn = BPF_CORE_READ(set, dfl_cgrp, kn);
	if (parent_of(kn) || !bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		return kn;
	__u64 id = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
	struct cgroup_subsys_state *state = 0;
	void *subsys = (void *)set + bpf_core_field_offset(struct css_set, subsys);
	bpf_probe_read_kernel(&state, sizeof(state), subsys + id * sizeof(state));
	return BPF_CORE_READ(state, cgroup, kn);
}

static __always_inline void task(struct socket_event *e)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	e->start = BPF_CORE_READ(leader, start_boottime);
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->uid = bpf_get_current_uid_gid();
	BPF_CORE_READ_INTO(&e->comm, leader, comm);
	struct kernfs_node *kn = node_of(leader);
#pragma unroll
	for (int i = 0; i < LEVELS; i++) {
		struct kernfs_node *parent = parent_of(kn);
		if (!parent) /* the root has no name */
			break;
		bpf_probe_read_kernel_str(e->cgroups[i], sizeof(e->cgroups[i]), BPF_CORE_READ(kn, name));
		kn = parent;
	}
}

static __always_inline void map4(__u8 *to, __u32 address)
{
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

static __always_inline void ends(struct socket_event *e, struct sock *sk)
{
	struct sock_common *c = &sk->__sk_common;
	e->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport)); /* stays when the port is freed */
	e->remote_port = bpf_ntohs(c->skc_dport);
	e->netns = c->skc_net.net->ns.inum;
	if (c->skc_family == AF_INET6 && bpf_core_field_exists(c->skc_v6_daddr)) {
		bpf_core_read(e->local, sizeof(e->local), &c->skc_v6_rcv_saddr);
		bpf_core_read(e->remote, sizeof(e->remote), &c->skc_v6_daddr);
		return;
	}
	map4(e->local, c->skc_rcv_saddr);
	map4(e->remote, c->skc_daddr);
}

static __always_inline int is_ip(struct sock *sk)
{
	unsigned short family = sk->__sk_common.skc_family;
	return family == AF_INET || family == AF_INET6;
}

static __always_inline int tell(struct sock *sk, enum socket_kind kind, __u8 proto)
{
	struct socket_event *e = bpf_ringbuf_reserve(&socket_events, sizeof(*e), 0);
	if (!e) {
		__u32 zero = 0;
		__u64 *lost = bpf_map_lookup_elem(&socket_events_lost, &zero);
		if (lost)
			(*lost)++;
		return -1;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->time = bpf_ktime_get_ns();
	e->kind = kind;
	e->proto = proto;
	e->socket = (__u64)sk;
	ends(e, sk);
	if (kind != SOCKET_NAMED)
		task(e);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

/*
 * connect(2) enters SYN_SENT in the process and chooses the port after that. The socket leaves SYN_SENT in an
 * interrupt, mostly, which is of no process.
 */
SEC("tp_btf/inet_sock_set_state")
int weir_tcp_state(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int before = (int)ctx[1], now = (int)ctx[2];
	if (!is_ip(sk) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (now == TCP_LISTEN)
		tell(sk, SOCKET_LISTENS, IPPROTO_TCP);
	else if (now == TCP_SYN_SENT)
		tell(sk, SOCKET_CONNECTS, IPPROTO_TCP);
	else if (before == TCP_SYN_SENT && (now == TCP_ESTABLISHED || now == TCP_CLOSE))
		tell(sk, SOCKET_NAMED, IPPROTO_TCP);
	return 0;
}

/* used tells of a socket at its first use by a process, and by another one, or with another peer. */
static __always_inline int used(struct sock *sk)
{
	__u16 proto = sk->sk_protocol;
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || !is_ip(sk) || !sk->__sk_common.skc_num)
		return 0;
	struct told *told = bpf_sk_storage_get(&sockets_told, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!told)
		return 0;
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u32 remote = sk->__sk_common.skc_daddr ^ (__u32)sk->__sk_common.skc_dport << 16;
	if (sk->__sk_common.skc_family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
		remote ^= sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
	if (told->pid == pid && told->remote == remote)
		return 0;
	if (!tell(sk, SOCKET_USED, proto)) {
		told->pid = pid;
		told->remote = remote;
	}
	return 0;
}

SEC("tp_btf/sock_send_length")
int weir_sent(__u64 *ctx)
{
	return used((struct sock *)ctx[0]);
}

SEC("tp_btf/sock_recv_length")
int weir_received(__u64 *ctx)
{
	return used((struct sock *)ctx[0]);
}

struct socket_event *unused_socket_event __attribute__((unused));
enum socket_kind *unused_socket_kind __attribute__((unused));

char __license[] SEC("license") = "GPL";

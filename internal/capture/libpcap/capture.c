// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

// The loop of the capturing process. It is in C so that a frame costs no call from C to Go: it returns to Go for
// commands, for the report of losses once a second, and for failures.

#include "capture.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WRITE_BYTES (64 * 1024)
#define BUFFER_BYTES (256 * 1024)
#define RESERVE_BYTES (16 * 1024) // reserved for the records that Go appends between two runs
#define MILLISECOND 1000000LL
#define FLUSH_AFTER (10 * MILLISECOND) // with the timeout, a frame leaves within 20 ms
#define SWEEP_AFTER (20 * MILLISECOND)
#define BUFFER_TIMEOUT 10 // milliseconds in which the kernel gathers frames before it wakes us
#define GATHERED_WITHIN (3 * BUFFER_TIMEOUT) // the kernel's timer is not exact
#define KIND_FRAME 2

int64_t weir_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct weir_capture *weir_new(int control, int out, uint32_t snap)
{
	struct weir_capture *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->control = control;
	c->out = out;
	c->snap = snap;
	c->buffer = malloc(BUFFER_BYTES);
	if (c->buffer == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void weir_free(struct weir_capture *c)
{
	while (c->count > 0)
		weir_close(c, c->count - 1);
	free(c->buffer);
	free(c);
}

// weir_name writes an interface's name. It returns 0 if no interface has this index.
int weir_name(uint32_t index, char name[IF_NAMESIZE])
{
	return if_indextoname(index, name) != NULL;
}

static size_t frame_bytes(const struct weir_capture *c)
{
	return sizeof(struct weir_record) + c->snap;
}

// frame_room returns how many frames fit, whatever their sizes.
static size_t frame_room(const struct weir_capture *c)
{
	size_t taken = c->used + RESERVE_BYTES;
	return taken < BUFFER_BYTES ? (BUFFER_BYTES - taken) / frame_bytes(c) : 0;
}

// weir_has_room reports whether the reserve is free for records other than frames.
int weir_has_room(const struct weir_capture *c)
{
	return c->used + RESERVE_BYTES <= BUFFER_BYTES;
}

static void append(struct weir_capture *c, const struct weir_record *record, const void *payload)
{
	if (c->used == 0)
		c->oldest = weir_now();
	memcpy(c->buffer + c->used, record, sizeof(*record));
	if (record->length > 0)
		memcpy(c->buffer + c->used + sizeof(*record), payload, record->length);
	c->used += sizeof(*record) + record->length;
}

int weir_append(struct weir_capture *c, int kind, int link, uint32_t interface, uint32_t code, int64_t number,
		const void *payload, size_t length)
{
	struct weir_record record = { (uint32_t)length, (uint16_t)kind, (uint16_t)link, interface, code, number };
	if (length > WEIR_TEXT || BUFFER_BYTES - c->used < sizeof(record) + length)
		return 0;
	append(c, &record, payload);
	return 1;
}

// on_frame is libpcap's callback. The buffer has room: see serve.
static void on_frame(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	struct weir_capture *c = (struct weir_capture *)user;
	const struct weir_handle *h = c->current;
	uint32_t captured = header->caplen < c->snap ? header->caplen : c->snap;
	struct weir_record record = {
		.length = captured,
		.kind = KIND_FRAME,
		.link = h->link,
		.interface = h->interface,
		.wire_or_code = header->len > captured ? header->len : captured,
		// With nanosecond precision, libpcap puts nanoseconds into the field of microseconds.
		.time = (int64_t)header->ts.tv_sec * 1000000000 +
			(int64_t)header->ts.tv_usec * (h->nanoseconds ? 1 : 1000),
	};
	if (record.time < h->since || (h->has_program && !pcap_offline_filter(&h->program, header, data)))
		return;
	append(c, &record, data);
}

// fail writes libpcap's text for a failure.
static int fail(pcap_t *p, int status, char *text)
{
	const char *own = pcap_geterr(p);
	snprintf(text, WEIR_TEXT, "%s",
		 own[0] != '\0' && status != PCAP_ERROR_NO_SUCH_DEVICE ? own : pcap_statustostr(status));
	return status;
}

// compile compiles for the frame as libpcap delivers it, with the VLAN tag in place: on a live handle it would compile
// for the kernel's view.
static int compile(struct weir_capture *c, struct weir_handle *h, const char *filter, char *text)
{
	if (h->has_program || filter == NULL)
		return 0;
	pcap_t *dead = pcap_open_dead(h->datalink, (int)c->snap);
	if (dead == NULL)
		return fail(h->pcap, PCAP_ERROR, text);
	int status = pcap_compile(dead, &h->program, filter, 1, PCAP_NETMASK_UNKNOWN);
	if (status != 0)
		fail(dead, PCAP_ERROR, text);
	else
		h->has_program = 1;
	pcap_close(dead);
	return status == 0 ? 0 : WEIR_OPEN_FILTER;
}

static void forget_program(struct weir_handle *h)
{
	if (h->has_program)
		pcap_freecode(&h->program);
	h->has_program = 0;
}

static int attach(const struct weir_handle *h, struct sock_filter *code, unsigned short length)
{
	struct sock_fprog program = { length, code };
	return setsockopt(h->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

// keep_out makes the kernel drop outgoing packets: all of them, or with once those captured where they came in. What
// the kernel drops takes no room in its buffer, and is not among the losses. It returns 0 on failure.
static int keep_out(const struct weir_capture *c, struct weir_handle *h, const struct weir_settings *settings)
{
	struct sock_filter no_outgoing[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, c->snap),
	};
	if (settings->once >= 0 && !h->is_loopback)
		return setsockopt(h->fd, SOL_SOCKET, SO_ATTACH_BPF, &settings->once, sizeof(settings->once)) == 0;
	return attach(h, no_outgoing, sizeof(no_outgoing) / sizeof(no_outgoing[0])) == 0;
}

// users_filter makes the kernel apply the user's filter and no other.
static int users_filter(const struct weir_capture *c, struct weir_handle *h, const struct weir_settings *settings,
			char *text)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, c->snap) };
	struct bpf_program program;
	forget_program(h);
	if (settings->filter == NULL) {
		(void)attach(h, all, 1); // a new handle has no other, so failure does not matter
		return 0;
	}
	if (pcap_compile(h->pcap, &program, settings->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		fail(h->pcap, PCAP_ERROR, text);
		return WEIR_OPEN_FILTER;
	}
	int status = pcap_setfilter(h->pcap, &program);
	pcap_freecode(&program);
	return status == 0 ? 0 : fail(h->pcap, status, text);
}

// weir_filter installs a handle's filters.
int weir_filter(struct weir_capture *c, int which, const struct weir_settings *settings, char *text)
{
	struct weir_handle *h = &c->handles[which];
	int status;
	if (settings->once < 0 && !settings->only_in && !h->is_loopback)
		return users_filter(c, h, settings, text);
	if (keep_out(c, h, settings))
		return compile(c, h, settings->filter, text);
	if ((status = users_filter(c, h, settings, text)) != 0)
		return status;
	return (status = pcap_setdirection(h->pcap, PCAP_D_IN)) == 0 ? 0 : fail(h->pcap, status, text);
}

// weir_is_bound reports whether a handle's interface still exists: when it goes, the kernel unbinds its sockets,
// whatever has its name or its index later.
int weir_is_bound(const struct weir_handle *h)
{
	struct sockaddr_ll name = { 0 };
	socklen_t length = sizeof(name);
	char unused[IF_NAMESIZE];
	if (getsockname(h->fd, (struct sockaddr *)&name, &length) == 0 && name.sll_family == AF_PACKET)
		return name.sll_ifindex == (int)h->interface;
	return weir_name(h->interface, unused);
}

static int activate(struct weir_capture *c, pcap_t *p, const struct weir_settings *settings, char *text)
{
	pcap_set_snaplen(p, (int)c->snap);
	pcap_set_promisc(p, settings->promiscuous);
	pcap_set_timeout(p, BUFFER_TIMEOUT);
	pcap_set_buffer_size(p, settings->buffer_bytes);
	pcap_set_tstamp_precision(p, PCAP_TSTAMP_PRECISION_NANO); // on failure, microseconds remain
	int status = pcap_activate(p);
	if (status < 0) // values above 0 are warnings
		return fail(p, status, text);
	char error[PCAP_ERRBUF_SIZE] = "";
	if (pcap_setnonblock(p, 1, error) != 0 || pcap_get_selectable_fd(p) < 0) {
		snprintf(text, WEIR_TEXT, "no waiting for this interface: %s", error);
		return WEIR_OPEN_OTHER;
	}
	return 0;
}

// weir_open adds a handle, whose interface and link the caller has to set.
int weir_open(struct weir_capture *c, const char *name, const struct weir_settings *settings, char *text)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	if (c->count == WEIR_HANDLES) {
		snprintf(text, WEIR_TEXT, "%d interfaces are watched already, which is the most", c->count);
		return WEIR_OPEN_OTHER;
	}
	pcap_t *p = pcap_create(name, error);
	if (p == NULL) {
		snprintf(text, WEIR_TEXT, "%s", error);
		return WEIR_OPEN_OTHER;
	}
	int status = activate(c, p, settings, text);
	if (status != 0) {
		pcap_close(p);
		return status;
	}
	struct weir_handle *h = &c->handles[c->count++];
	*h = (struct weir_handle){
		.pcap = p,
		.fd = pcap_get_selectable_fd(p),
		.datalink = pcap_datalink(p),
		.nanoseconds = pcap_get_tstamp_precision(p) == PCAP_TSTAMP_PRECISION_NANO,
	};
	struct ifreq flags = { 0 };
	snprintf(flags.ifr_name, sizeof(flags.ifr_name), "%s", name);
	h->is_loopback = ioctl(h->fd, SIOCGIFFLAGS, &flags) == 0 && (flags.ifr_flags & IFF_LOOPBACK);
	status = weir_filter(c, c->count - 1, settings, text);
	if (status != 0) {
		weir_close(c, c->count - 1);
		return status;
	}
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	h->since = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return 0;
}

void weir_close(struct weir_capture *c, int which)
{
	forget_program(&c->handles[which]);
	pcap_close(c->handles[which].pcap);
	c->handles[which] = c->handles[--c->count];
}

// weir_losses returns the losses since the last call. libpcap's counters have 32 bits and may wrap between.
int weir_losses(struct weir_capture *c, int which, uint64_t losses[2])
{
	struct weir_handle *h = &c->handles[which];
	struct pcap_stat s;
	if (pcap_stats(h->pcap, &s) != 0)
		return 0;
	losses[0] = (u_int)(s.ps_drop - h->dropped);
	losses[1] = (u_int)(s.ps_ifdrop - h->interface_dropped);
	h->dropped = s.ps_drop;
	h->interface_dropped = s.ps_ifdrop;
	return losses[0] != 0 || losses[1] != 0;
}

// write_some writes once. It returns 1 if some bytes went, 0 if the pipe is full, -1 if it has no reader.
static int write_some(struct weir_capture *c)
{
	size_t n = c->used - c->sent;
	ssize_t written = write(c->out, c->buffer + c->sent, n < WRITE_BYTES ? n : WRITE_BYTES);
	if (written < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	c->sent += (size_t)written;
	return 1;
}

// write_pending writes while at least that much is pending, then moves the rest to the front. It returns the result of
// write_some.
static int write_pending(struct weir_capture *c, size_t at_least)
{
	int status = 1;
	while (status > 0 && c->used - c->sent >= at_least)
		status = write_some(c);
	memmove(c->buffer, c->buffer + c->sent, c->used - c->sent);
	c->used -= c->sent;
	c->sent = 0;
	return status;
}

// serve takes frames of the handles that are ready, no more than fit.
static int serve(struct weir_capture *c, int sweep, int *which)
{
	for (int i = 0; i < c->count; i++) {
		int at = (int)((c->next + (unsigned int)i) % (unsigned int)c->count);
		size_t room = frame_room(c);
		if (room == 0)
			break;
		if (!sweep && c->polls[2 + at].revents == 0)
			continue;
		c->current = &c->handles[at];
		if (pcap_dispatch(c->current->pcap, (int)room, on_frame, (u_char *)c) < 0) {
			*which = at;
			return -1;
		}
		c->current->failures = 0;
	}
	c->next++;
	return 0;
}

static int wait_for(struct weir_capture *c, int full, int blocked, int64_t until)
{
	int64_t left = until - weir_now();
	int handles = full ? 0 : c->count;
	// poll reports hang-ups and errors unasked. No command is read without room for its answer.
	c->polls[0] = (struct pollfd){ c->control, weir_has_room(c) ? POLLIN : 0, 0 };
	c->polls[1] = (struct pollfd){ c->out, blocked ? POLLOUT : 0, 0 };
	for (int i = 0; i < handles; i++)
		c->polls[2 + i] = (struct pollfd){ c->handles[i].fd, POLLIN, 0 };
	return poll(c->polls, (nfds_t)(2 + handles), left > 0 ? (int)((left + MILLISECOND - 1) / MILLISECOND) : 0);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int weir_run(struct weir_capture *c, int64_t deadline, int *which)
{
	for (;;) {
		int64_t now = weir_now();
		int blocked = 0;
		if (now >= deadline)
			return WEIR_DEADLINE;
		int late = now - c->oldest >= FLUSH_AFTER;
		if (c->used >= WRITE_BYTES || (c->used > 0 && late)) {
			int status = write_pending(c, late ? 1 : WRITE_BYTES);
			if (status < 0)
				return WEIR_READER_GONE;
			blocked = status == 0;
		}
		int full = frame_room(c) == 0;
		int64_t until = earlier(deadline, now + SWEEP_AFTER);
		if (c->used > 0 && !blocked)
			until = earlier(until, c->oldest + FLUSH_AFTER);
		if (wait_for(c, full, blocked, until) < 0) {
			if (errno == EINTR)
				continue;
			return WEIR_FAILED;
		}
		if (c->polls[1].revents & (POLLERR | POLLHUP))
			return WEIR_READER_GONE;
		if (c->polls[0].revents & POLLIN)
			return WEIR_COMMAND;
		if (c->polls[0].revents != 0)
			return WEIR_HANGUP;
		if (full)
			continue;
		// libpcap checks whether an interface that went down still exists only when it reads frames.
		int sweep = now - c->last_sweep >= SWEEP_AFTER;
		if (sweep)
			c->last_sweep = now;
		if (serve(c, sweep, which) != 0)
			return WEIR_HANDLE_FAILED;
	}
}

// weir_flush writes the whole buffer; it returns 0 if the deadline passed first.
int weir_flush(struct weir_capture *c, int64_t deadline)
{
	while (c->used > 0) {
		int status = write_pending(c, 1);
		int64_t left = deadline - weir_now();
		if (status < 0 || left <= 0)
			return 0;
		struct pollfd out = { c->out, POLLOUT, 0 };
		if (status == 0)
			poll(&out, 1, (int)(left / MILLISECOND) + 1);
	}
	return 1;
}

// refuse_all makes the kernel deliver no more frames to a handle; those in its buffer stay.
static void refuse_all(const struct weir_handle *h)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { 1, &none };
	// On a handle without a packet socket this fails, frames keep coming, and weir_drain ends by its deadline.
	(void)setsockopt(h->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

// weir_leave makes a handle drop frames that come from now on; it delivers what the kernel has buffered until
// weir_finish.
void weir_leave(struct weir_capture *c, int which)
{
	refuse_all(&c->handles[which]);
	c->handles[which].leaves = weir_now() + GATHERED_WITHIN * MILLISECOND;
}

// weir_finish takes a leaving handle's last frames. It returns 0 if not all of them fit.
int weir_finish(struct weir_capture *c, int which)
{
	c->current = &c->handles[which];
	for (;;) {
		size_t room = frame_room(c);
		if (room == 0)
			return 0;
		if (pcap_dispatch(c->current->pcap, (int)room, on_frame, (u_char *)c) <= 0)
			return 1;
	}
}

// take_all takes and writes the frames of each handle. It returns 0 if the deadline passed first.
static int take_all(struct weir_capture *c, int64_t deadline)
{
	for (int i = 0; i < c->count; i++) {
		c->current = &c->handles[i];
		do {
			if (!weir_flush(c, deadline) || weir_now() >= deadline)
				return 0;
		} while (pcap_dispatch(c->current->pcap, (int)frame_room(c), on_frame, (u_char *)c) > 0);
	}
	return weir_flush(c, deadline);
}

// weir_drain takes and writes what the kernel has buffered, and no frame that comes later. It returns 0 if the reader
// did not take it by the deadline.
int weir_drain(struct weir_capture *c, int64_t deadline)
{
	for (int i = 0; i < c->count; i++)
		refuse_all(&c->handles[i]);
	if (!take_all(c, deadline))
		return 0;
	poll(NULL, 0, GATHERED_WITHIN);
	return take_all(c, deadline);
}

// weir_check_filter compiles for Ethernet, to report a mistake before any interface is opened.
int weir_check_filter(const char *filter, int snap, char *text)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, snap);
	struct bpf_program program;
	if (p == NULL)
		return 1; // no memory: pcap_create will report that
	int status = pcap_compile(p, &program, filter, 1, PCAP_NETMASK_UNKNOWN);
	if (status != 0)
		fail(p, PCAP_ERROR, text);
	else
		pcap_freecode(&program);
	pcap_close(p);
	return status == 0;
}

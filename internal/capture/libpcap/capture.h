// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_HANDLES 256 // interfaces at once
#define WEIR_TEXT 1024

// The header of every record of the stream: see stream.go.
struct weir_record {
	uint32_t length;
	uint16_t kind;
	uint16_t link;
	uint32_t interface;
	uint32_t wire_or_code;
	int64_t time; // frame: its time; watching, ended: the number of the command
};

struct weir_handle {
	pcap_t *pcap;
	int fd;
	uint32_t interface;
	int datalink; // DLT_ value
	uint16_t link; // LINKTYPE_ value
	int nanoseconds;
	uint32_t number; // of the command that opened it
	int is_loopback;
	int64_t since; // wall clock; earlier frames are dropped, since not all of them passed the filter
	struct bpf_program program; // the user's filter, if the kernel has another one
	int has_program, failures;
	int64_t leaves; // monotonic time of its closing, 0: it stays
	u_int dropped, interface_dropped; // as last reported
};

struct weir_capture {
	struct weir_handle handles[WEIR_HANDLES];
	int count;
	int control, out;
	uint32_t snap;
	unsigned int next; // the handle to serve first
	struct weir_handle *current;
	uint8_t *buffer;
	size_t used, sent; // during a write, buffer[sent:used] is still to be written; else sent is 0
	int64_t oldest; // monotonic time of the oldest record in the buffer
	int64_t last_sweep; // monotonic time of the last check of all handles, ready or not
	struct pollfd polls[WEIR_HANDLES + 2];
};

struct weir_settings {
	const char *filter; // NULL: none
	int promiscuous, buffer_bytes;
	int once; // an eBPF socket filter that drops what was captured where it came in, or -1
	int only_in; // else capture only incoming packets
};

// Why weir_run returned.
enum { WEIR_DEADLINE, WEIR_COMMAND, WEIR_HANGUP, WEIR_READER_GONE, WEIR_HANDLE_FAILED, WEIR_FAILED };

// What weir_open returns besides 0 and the PCAP_ERROR_ values, which are negative.
enum { WEIR_OPEN_FILTER = 1, WEIR_OPEN_OTHER };

struct weir_capture *weir_new(int control, int out, uint32_t snap);
void weir_free(struct weir_capture *c);
int64_t weir_now(void);
int weir_name(uint32_t index, char name[IF_NAMESIZE]);
int weir_has_room(const struct weir_capture *c);
int weir_append(struct weir_capture *c, int kind, int link, uint32_t interface, uint32_t code, int64_t number,
		const void *payload, size_t length);
int weir_open(struct weir_capture *c, const char *name, const struct weir_settings *settings, char *text);
int weir_filter(struct weir_capture *c, int which, const struct weir_settings *settings, char *text);
int weir_is_bound(const struct weir_handle *h);
void weir_leave(struct weir_capture *c, int which);
int weir_finish(struct weir_capture *c, int which);
void weir_close(struct weir_capture *c, int which);
int weir_losses(struct weir_capture *c, int which, uint64_t losses[2]);
int weir_run(struct weir_capture *c, int64_t deadline, int *which);
int weir_flush(struct weir_capture *c, int64_t deadline);
int weir_drain(struct weir_capture *c, int64_t deadline);
int weir_check_filter(const char *filter, int snap, char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Load-time constants: the loader sets them before the verifier runs, which prunes the branches that they rule out. */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include <linux/types.h>

volatile const __u32 workers = 1;
volatile const __u32 cpus = 1; /* possible ones */
volatile const __u32 slots_per_worker = 1;
volatile const __u32 cache_mask = 0; /* sets of the cache, less one */
volatile const __u32 budget_tcp = 10;
volatile const __u32 budget_other = 8;
volatile const __u32 snap_length = 1536; /* at most LARGE_FRAME */
volatile const __u32 wakeup_bytes = 0; /* a ring with this much data wakes its worker; 0: every record does */
volatile const __u8 have_coarse_clock = 0; /* bpf_ktime_get_coarse_ns: Linux 5.11 */
volatile const __u8 open_tunnels = 1; /* sample every packet of a tunnel */
volatile const __u8 ignore_vlan = 0; /* leave VLANs out of the flow key */
volatile const __u8 tcp_health = 0; /* note what headers tell of a flow's health: health.h */

#endif

// SPDX-License-Identifier: Apache-2.0

// Package bpf embeds the compiled programs of bpf/ and their bpf2go bindings.
package bpf

//go:generate go tool -modfile=../../tools/go.mod bpf2go -tags linux -target bpfel -cc clang-14 -strip llvm-strip-14 -go-package bpf -cflags "-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu -O2 -g -mcpu=v2 -Wall -Wextra -Werror -Wno-unused-parameter" -type cause -type mark -type handshake -type link -type slots_operation -type shunt -type room -type slot_number -type budget -type slot -type record -type direction -type flow_key -type interface -type cause_counts -type traffic -type kind_count -type kind -type way -type link_limits -type cache_set -type cache_limits Weir ../../bpf/weir.bpf.c
//go:generate go tool -modfile=../../tools/go.mod bpf2go -tags linux -target bpfel -cc clang-14 -strip llvm-strip-14 -go-package bpf -cflags "-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu -O2 -g -mcpu=v2 -Wall -Wextra -Werror -Wno-unused-parameter" -type socket_event -type socket_kind Process ../../bpf/process.bpf.c

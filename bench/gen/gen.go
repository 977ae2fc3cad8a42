// SPDX-License-Identifier: Apache-2.0

// Package gen has the compiled program of the benchmark.
package gen

//go:generate go tool -modfile=../../tools/go.mod bpf2go -tags linux -target bpfel -cc clang-14 -strip llvm-strip-14 -go-package gen -cflags "-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu -O2 -g -mcpu=v2 -Wall -Wextra -Werror -Wno-unused-parameter" Bench ../bpf/bench.bpf.c

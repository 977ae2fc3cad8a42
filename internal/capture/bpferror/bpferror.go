// SPDX-License-Identifier: Apache-2.0

// Package bpferror explains errors of the kernel and of the eBPF library to weir's users. The library's own advice is
// for programmers.
package bpferror

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Explain describes the failure of doing something with eBPF, such as "load the eBPF programs". errors.Is finds the
// kernel's error in the result.
func Explain(doing string, err error) error {
	var refused *ebpf.VerifierError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fmt.Errorf("%s: the kernel's verifier refused one: %-v", doing, refused) // the end of its log
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("no right to %s: run as root, or give weir CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON%s (%w)",
			doing, memoryAdvice(), errnoOf(err))
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%s: not enough memory: raise the limit of weir's cgroup or container%s (%w)", doing,
			memoryAdvice(), unix.ENOMEM)
	}
	return &explained{doing + ": " + advice.ReplaceAllString(err.Error(), ""), err}
}

// advice matches what the library adds in parentheses for programmers.
var advice = regexp.MustCompile(` \([^()]*\b(?:may be|may need|consider)\b[^()]*\)`)

// explained is an error with another text.
type explained struct {
	text string
	error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.error }

func errnoOf(err error) unix.Errno {
	if errors.Is(err, unix.EACCES) {
		return unix.EACCES
	}
	return unix.EPERM
}

// memoryAdvice is empty if the process may lock any amount of memory: before Linux 5.11 eBPF's memory counts as locked,
// and the kernel refuses an excess like a lack of rights.
func memoryAdvice() string {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) == nil && limit.Cur == unix.RLIM_INFINITY {
		return ""
	}
	return ", and before Linux 5.11 raise the limit of locked memory, ulimit -l unlimited"
}

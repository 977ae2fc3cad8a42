// SPDX-License-Identifier: Apache-2.0

package bpferror_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/bpferror"
	"github.com/weirnet/weir/internal/capture/kernel"
)

// forProgrammers lists the library's words that mean nothing to weir's users.
var forProgrammers = []string{"MEMLOCK", "rlimit.", "consider", "MaxEntries", "BPF_F_", "map create", "load program"}

func check(t *testing.T, name string, err error, kind error, says string) {
	t.Helper()
	if err == nil || !errors.Is(err, kind) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want %q and %v", name, err, says, kind)
		return
	}
	for _, words := range forProgrammers {
		if strings.Contains(err.Error(), words) {
			t.Errorf("%s: %q is not for users in %q", name, words, err)
		}
	}
}

func TestExplain(t *testing.T) {
	if bpferror.Explain("load", nil) != nil {
		t.Error("an error of nothing")
	}
	other := errors.New("argument list too long")
	for name, c := range map[string]struct {
		err, kind error
		says      string
	}{
		"a map, no right": {fmt.Errorf("map create: %w (MEMLOCK may be too low, consider rlimit.RemoveMemlock)",
			unix.EPERM), unix.EPERM, "CAP_BPF"},
		"a program, no right": {fmt.Errorf("load program: %w (MEMLOCK may be too low, consider rlimit.RemoveMemlock)",
			unix.EPERM), unix.EPERM, "run as root"},
		"no access": {fmt.Errorf("map create: %w", unix.EACCES), unix.EACCES, "CAP_BPF"},
		"no memory": {fmt.Errorf("map create: %w", unix.ENOMEM), unix.ENOMEM, "not enough memory"},
		"advice": {fmt.Errorf("x: %w (MaxEntries may be incorrectly set to zero)", unix.EINVAL), unix.EINVAL,
			"x: invalid"},
		"more of it": {fmt.Errorf("x: %w (BPF_F_NO_PREALLOC flag may need to be set)", unix.EINVAL), unix.EINVAL,
			"x: invalid"},
		"a reason": {fmt.Errorf("x (it is so): %w", other), other, "(it is so)"},
	} {
		check(t, name, bpferror.Explain("make a filter", c.err), c.kind, c.says)
	}
}

// TestWithoutRights: a refusal to load programs is in the users' words.
func TestWithoutRights(t *testing.T) {
	done := make(chan struct{})
	go func() { // the thread ends with it
		defer close(done)
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			t.Error(err)
			return
		}
		if m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}); err == nil {
			m.Close()
			t.Log("this kernel lets everybody make maps")
		}
		_, err := afpacket.NewOnce(100)
		check(t, "afpacket.NewOnce", err, unix.EPERM, "run as root")
		_, err = kernel.Load(kernel.Config{Geometry: kernel.Geometry{Workers: 1, SlotsPerWorker: 64}})
		check(t, "kernel.Load", err, unix.EPERM, "run as root")
	}()
	<-done
}

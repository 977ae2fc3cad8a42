// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
)

// tableBytes is the approximate size of the maps for the default table of 65,536 flows.
const tableBytes = 16 << 20

var (
	onlyBPF   = []string{EBPF}
	createMap = what{[]string{"CAP_BPF"}, "CONFIG_BPF_SYSCALL", true}
)

// liftMemoryLock raises RLIMIT_MEMLOCK as weir run does, and checks that maps of weir's size can be made. Kernels
// before 5.11 charge maps to that limit, later ones to the memory cgroup. The returned function restores the limit.
func liftMemoryLock(e explainer) (func(), Feature) {
	f := Feature{Name: "memory for maps", NeededBy: onlyBPF}
	var before unix.Rlimit
	restore := func() {}
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &before); err == nil {
		// Above the hard limit only with CAP_SYS_RESOURCE.
		infinite := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &infinite) != nil {
			highest := unix.Rlimit{Cur: before.Max, Max: before.Max}
			unix.Setrlimit(unix.RLIMIT_MEMLOCK, &highest)
		}
		restore = func() { unix.Setrlimit(unix.RLIMIT_MEMLOCK, &before) }
	}
	if err := haveMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4096, MaxEntries: 1}); err != nil {
		return restore, e.no(f, err, createMap) // another cause than memory
	}
	err := haveMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4096, MaxEntries: tableBytes / 4096})
	switch {
	case err == nil:
		f.OK, f.Detail = true, fmt.Sprintf("%d MiB tried", tableBytes>>20)
	case isErrno(err, unix.EPERM):
		f.Why = fmt.Sprintf("maps of %d MiB exceed RLIMIT_MEMLOCK, which is %s bytes (EPERM)",
			tableBytes>>20, e.rights.MemoryLock)
		f.Fix = "raise it (ulimit -l unlimited, LimitMEMLOCK=infinity, docker run --ulimit memlock=-1), or give " +
			"CAP_SYS_RESOURCE"
	default:
		f = e.no(f, err, createMap)
	}
	return restore, f
}

func haveMap(spec *ebpf.MapSpec) error {
	m, err := ebpf.NewMap(spec)
	if err != nil {
		return err
	}
	return m.Close()
}

// probeBPF tries what mode ebpf needs.
func probeBPF(e explainer, memory Feature, loopback int) []Feature {
	call := Feature{Name: "bpf system call", NeededBy: onlyBPF, OK: true}
	load := []string{"CAP_BPF", "CAP_NET_ADMIN"}
	err := haveMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err == nil { // kernel.unprivileged_bpf_disabled decides about maps without rights; programs are what counts
		if err = features.HaveProgramType(ebpf.SchedCLS); !isErrno(err, unix.EPERM, unix.EACCES) {
			err = nil
		}
	}
	if err != nil {
		call = e.no(call, err, what{load, "CONFIG_BPF_SYSCALL", true})
		if !memory.OK {
			memory = notTried(memory, call)
		}
	}
	all := []Feature{call}
	try := func(name string, optional bool, w what, probe func() (string, error)) {
		f := Feature{Name: name, NeededBy: onlyBPF, Optional: optional}
		var err error
		switch {
		case !call.OK:
			f = notTried(f, call)
		default:
			if f.Detail, err = probe(); err == nil {
				f.OK = true
			} else {
				f = e.no(f, err, w)
			}
		}
		all = append(all, f)
	}
	all = append(all, probeBTF(), memory)
	for _, p := range []struct {
		name     string
		kind     ebpf.ProgramType
		kernel   string
		optional bool
	}{
		{"program type sched_cls", ebpf.SchedCLS, "CONFIG_NET_CLS_BPF (Linux 4.1)", false},
		{"program type xdp", ebpf.XDP, "XDP (Linux 4.8)", true},
		{"program type socket_filter", ebpf.SocketFilter, "CONFIG_BPF_SYSCALL (Linux 3.19)", true},
	} {
		try(p.name, p.optional, what{load, p.kernel, true}, func() (string, error) {
			return "",
				features.HaveProgramType(p.kind)
		})
	}
	for _, m := range []struct {
		name   string
		kind   ebpf.MapType
		kernel string
	}{
		{"hash", ebpf.Hash, "CONFIG_BPF_SYSCALL (Linux 3.19)"},
		{"lru_hash", ebpf.LRUHash, "BPF LRU maps (Linux 4.10)"},
		{"array_of_maps", ebpf.ArrayOfMaps, "BPF maps in maps (Linux 4.12)"},
		{"stack", ebpf.Stack, "BPF stacks (Linux 4.20)"},
		{"ringbuf", ebpf.RingBuf, "BPF ring buffers (Linux 5.8)"},
	} {
		try("map type "+m.name, false, what{createMap.needs, m.kernel, true}, func() (string, error) {
			return "",
				features.HaveMapType(m.kind)
		})
	}
	try("mapped arrays", false, what{createMap.needs, "BPF_F_MMAPABLE (Linux 5.5)", true}, haveMappedArray)
	for _, h := range []struct {
		function asm.BuiltinFunc
		name     string
		kernel   string
		optional bool
	}{
		{asm.FnSkbLoadBytes, "bpf_skb_load_bytes", "it (Linux 4.5)", false},
		{asm.FnMapPopElem, "bpf_map_pop_elem", "it (Linux 4.20)", false},
		{asm.FnMapPushElem, "bpf_map_push_elem", "it (Linux 4.20)", false},
		{asm.FnKtimeGetNs, "bpf_ktime_get_ns", "it (Linux 4.1)", false},
		{asm.FnRingbufReserve, "bpf_ringbuf_reserve", "it (Linux 5.8)", false},
		{asm.FnRingbufQuery, "bpf_ringbuf_query", "it (Linux 5.8)", false},
		{asm.FnKtimeGetCoarseNs, "bpf_ktime_get_coarse_ns",
			"it (Linux 5.11); without it each packet costs a slower clock", true},
	} {
		try("helper "+h.name, h.optional, what{load, h.kernel, true},
			func() (string, error) { return "", features.HaveProgramHelper(ebpf.SchedCLS, h.function) })
	}
	try("bounded loops", false, what{load, "them (Linux 5.3)", true}, func() (string, error) {
		return "",
			features.HaveBoundedLoops()
	})
	try("large programs", false, what{load, "programs of more than 4,096 instructions (Linux 5.2)", true},
		func() (string, error) { return "", features.HaveLargeInstructions() })
	try("tcx", true, what{load, "tcx (Linux 6.6)", false}, func() (string, error) { return "", attachTCX(loopback) })
	try("clsact", true, what{[]string{"CAP_NET_ADMIN"}, "CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF (Linux 4.5)",
		false},
		func() (string, error) { return attachClsact(loopback) })
	tcx, clsact := all[len(all)-2], all[len(all)-1]
	if call.OK {
		all = append(all, hook(tcx, clsact))
	} else {
		all = append(all, notTried(hook(tcx, clsact), call))
	}
	try("xdp", true, what{load, "links of XDP programs (Linux 5.9)", false}, func() (string, error) {
		return attachXDP(loopback)
	})
	return all
}

// notTried describes a feature that cannot work without another one.
func notTried(f, without Feature) Feature {
	f.OK, f.Why, f.Fix = false, "not tried: no "+without.Name, without.Fix
	return f
}

// hook describes how the programs see packets: by tcx, else by clsact.
func hook(tcx, clsact Feature) Feature {
	f := Feature{Name: "traffic control hook", NeededBy: onlyBPF, OK: true}
	switch {
	case tcx.OK:
		f.Detail = "tcx"
	case clsact.OK:
		f.Detail = "clsact"
	default:
		f.OK, f.Why, f.Fix = false, "tcx: "+tcx.Why+"; clsact: "+clsact.Why, tcx.Fix
		if clsact.Why == tcx.Why {
			f.Why = tcx.Why
		}
	}
	return f
}

// haveMappedArray writes to an array's mapped memory and reads it back by the system call.
func haveMappedArray() (string, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1,
		Flags: unix.BPF_F_MMAPABLE})
	if isErrno(err, unix.EINVAL) {
		return "", ebpf.ErrNotSupported
	} else if err != nil {
		return "", err
	}
	defer m.Close()
	memory, err := unix.Mmap(m.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return "", fmt.Errorf("mmap: %w", err)
	}
	defer unix.Munmap(memory)
	binary.NativeEndian.PutUint64(memory, 4711)
	var value uint64
	if err := m.Lookup(uint32(0), &value); err != nil {
		return "", err
	}
	if value != 4711 {
		return "", fmt.Errorf("wrote 4711 through the mapping and read %d", value)
	}
	return "", nil
}

// probeBTF looks for the kernel's own type information: from it the verifier knows the packet context in functions that
// it verifies separately (btf_get_prog_ctx_type of kernel/bpf/btf.c). It needs no capability.
func probeBTF() Feature {
	const path = "/sys/kernel/btf/vmlinux"
	f := Feature{Name: "kernel types (BTF)", NeededBy: onlyBPF}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		f.Why, f.Fix = path+" is missing", "a kernel with CONFIG_DEBUG_INFO_BTF (Linux 5.4), and /sys mounted"
		return f
	}
	var magic [2]byte
	if err == nil {
		defer file.Close()
		_, err = io.ReadFull(file, magic[:])
	}
	const btfMagic = 0xeb9f // BTF_MAGIC, linux/btf.h
	switch {
	case err != nil:
		f.Why, f.Fix = err.Error(), "make "+path+" readable"
	case binary.NativeEndian.Uint16(magic[:]) != btfMagic:
		f.Why, f.Fix = path+" is not BTF", "a kernel with CONFIG_DEBUG_INFO_BTF (Linux 5.4)"
	default:
		f.OK = true
	}
	return f
}

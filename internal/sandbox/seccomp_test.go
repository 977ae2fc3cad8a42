// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// run executes a filter on one system call, as net/core/filter.c does.
func run(t *testing.T, program []unix.SockFilter, data []byte) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		i := program[pc]
		taken := false
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.LittleEndian.Uint32(data[i.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			taken = a == i.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			taken = a&i.K != 0
		default:
			t.Fatalf("instruction %d: %+v", pc, i)
		}
		if taken {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
	t.Fatal("the filter ends without a verdict")
	return 0
}

// verdict evaluates the rules for a call directly.
func verdict(arch archFilter, data []byte) uint32 {
	number := binary.LittleEndian.Uint32(data[offsetNumber:])
	switch {
	case binary.LittleEndian.Uint32(data[offsetArchitecture:]) != arch.audit:
		return refuse
	case number == unix.SYS_CLONE3:
		return absent
	}
	for _, r := range arch.rules {
		if uint32(r.number) != number {
			continue
		}
		if len(r.any) == 0 {
			return allow
		}
		for _, all := range r.any {
			holds := true
			for _, c := range all {
				v := binary.LittleEndian.Uint32(data[offsetArguments+8*c.argument:])
				holds = holds && (c.relation == equal && v == c.value || c.relation == clear && v&c.value == 0 ||
					c.relation == full && v&c.value == c.value)
			}
			if holds {
				return allow
			}
		}
		return refuse
	}
	return refuse
}

// TestFilter compares the assembled filter with the rules, for every number and many arguments.
func TestFilter(t *testing.T) {
	for _, role := range []Role{Packets, Ship} {
		t.Run([]string{"packets", "ship"}[role], func(t *testing.T) { testFilter(t, role) })
	}
}

func testFilter(t *testing.T, role Role) {
	arch, ok := architecture(role)
	if !ok {
		t.Skip("no filter for this architecture")
	}
	program := filter(arch)
	numbers := map[uintptr]bool{}
	for _, r := range arch.rules {
		if numbers[r.number] {
			t.Errorf("system call %d has two rules, of which the second is never reached", r.number)
		}
		numbers[r.number] = true
	}
	random := rand.New(rand.NewPCG(2, 0))
	verdicts := map[uint32]int{}
	data := make([]byte, 64)
	check := func() {
		have, want := run(t, program, data), verdict(arch, data)
		verdicts[have]++
		if have != want {
			t.Fatalf("% x: %#x, want %#x", data, have, want)
		}
	}
	for number := range uint32(1000) {
		for range 20 {
			for i := offsetArguments; i < len(data); i += 4 {
				v := random.Uint32() >> random.IntN(32)
				if random.IntN(2) == 0 { // a rule's value
					if r := arch.rules[random.IntN(len(arch.rules))]; len(r.any) > 0 {
						all := r.any[random.IntN(len(r.any))]
						v = all[random.IntN(len(all))].value
					}
				}
				binary.LittleEndian.PutUint32(data[i:], v)
			}
			for _, high := range []uint32{0, 1 << 30} { // x32 has bit 30 set
				binary.LittleEndian.PutUint32(data[offsetNumber:], number|high)
				binary.LittleEndian.PutUint32(data[offsetArchitecture:], arch.audit)
				check()
			}
		}
	}
	for _, audit := range []uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM,
		unix.AUDIT_ARCH_AARCH64, 0} {
		binary.LittleEndian.PutUint32(data[offsetNumber:], uint32(unix.SYS_READ))
		binary.LittleEndian.PutUint32(data[offsetArchitecture:], audit)
		check()
		if have := run(t, program, data); (have == allow) != (audit == arch.audit) {
			t.Errorf("read of architecture %#x: %#x", audit, have)
		}
	}
	if verdicts[allow] < 500 || verdicts[refuse] < 5000 || verdicts[absent] < 10 {
		t.Errorf("verdicts are one-sided: %v", verdicts)
	}
	t.Logf("%d instructions for %d system calls", len(program), len(numbers))
}

// TestHandled: a newer Landlock refuses no less than an older one.
func TestHandled(t *testing.T) {
	for abi := 1; abi < 12; abi++ {
		a, b := handled(abi), handled(abi+1)
		if a.Handled_access_fs&^b.Handled_access_fs != 0 || a.Handled_access_net&^b.Handled_access_net != 0 ||
			a.Scoped&^b.Scoped != 0 {
			t.Errorf("ABI %d: %+v, ABI %d: %+v", abi, a, abi+1, b)
		}
	}
	if a := handled(1); a.Handled_access_fs != 1<<13-1 || a.Handled_access_net != 0 || a.Scoped != 0 {
		t.Errorf("ABI 1: %+v", a)
	}
	if a := handled(7); a.Handled_access_fs != 1<<16-1 || a.Handled_access_net != 3 || a.Scoped != 3 {
		t.Errorf("ABI 7: %+v", a)
	}
}

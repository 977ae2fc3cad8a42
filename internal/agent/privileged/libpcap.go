// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/libpcap"
	"github.com/weirnet/weir/internal/helper"
)

// LibpcapCommand is the sub-command of the capturing process; it calls libpcap.Capture.
const LibpcapCommand = "libpcap-capture"

// libpcapBackend is the privileged half of mode libpcap: it controls the capturing process.
type libpcapBackend struct {
	*libpcap.Process
	once   *afpacket.Once // nil without eBPF
	method string         // for people
	number uint32         // of the latest Watch
	uppers map[uint32]struct{}
}

func openLibpcap(o *agent.Options) (backend, error) {
	if !libpcap.Built {
		return nil, libpcap.ErrNotBuilt
	}
	if err := mayCapture(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &libpcapBackend{method: agent.ModeLibpcap, uppers: map[uint32]struct{}{}}
	command := exec.Command(self, LibpcapCommand)
	command.Stderr = os.Stderr
	err = errors.New("--hook plain")
	if o.Hook != agent.HookPlain {
		b.once, err = afpacket.NewOnce(libpcap.DefaultSnapLength)
	}
	if err != nil {
		b.once = nil
		b.method = fmt.Sprintf("without eBPF, weir does not count what this machine itself sends while it watches "+
			"more than one interface: %v", err)
	}
	if b.once != nil {
		for _, fd := range []int{b.once.FD(), b.once.Watched().FD()} { // in the order of libpcap.Config.Once
			fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return nil, errors.Join(err, b.once.Close())
			}
			file := os.NewFile(uintptr(fd), "eBPF")
			defer file.Close()
			command.ExtraFiles = append(command.ExtraFiles, file)
		}
	}
	if b.Process, err = libpcap.Open(command, libpcap.Config{Filter: o.Filter, Once: b.once != nil}); err != nil {
		if b.once != nil {
			err = errors.Join(err, b.once.Close())
		}
		return nil, err
	}
	return b, nil
}

func (*libpcapBackend) mode() string { return agent.ModeLibpcap }

func (b *libpcapBackend) describe(*agent.Setup) []int { return []int{int(b.Stream.Fd())} }

// Watch requests the interface's frames. The stream carries the result, with the number.
func (b *libpcapBackend) Watch(l helper.Link) ([]int, []byte, error) {
	if l.Upper {
		b.uppers[l.Index] = struct{}{}
		if b.once == nil {
			return nil, nil, nil
		}
		return nil, nil, b.once.Watch(l.Index)
	}
	b.number++
	if err := b.Control.Watch(l.Index, b.number, l.Promiscuous); err != nil {
		return nil, nil, err
	}
	payload, err := json.Marshal(agent.Watched{Method: b.method, Number: b.number})
	return nil, payload, err
}

// Unwatch ends the interface's capture.
func (b *libpcapBackend) Unwatch(index uint32) error {
	if _, ok := b.uppers[index]; !ok {
		return b.Control.Unwatch(index)
	}
	delete(b.uppers, index)
	if b.once == nil {
		return nil
	}
	return b.once.Unwatch(index)
}

// Retire fails: mode libpcap has no slots.
func (*libpcapBackend) Retire([]uint32) error { return errors.New("no flow counters in mode libpcap") }

// Release fails like Retire.
func (*libpcapBackend) Release([]uint32) error { return errors.New("no flow counters in mode libpcap") }

// Close stops the capturing process.
func (b *libpcapBackend) Close() error {
	errs := errors.Join(b.Control.File.Close(), b.Stream.Close())
	_ = b.Command.Wait() // the stream has carried its end
	if b.once != nil {
		errs = errors.Join(errs, b.once.Close())
	}
	return errs
}

// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/handover"
	"github.com/weirnet/weir/internal/logging"
)

// restart is a restart in place: the confined process writes its flows into memory and ends, and the privileged one
// executes its program anew, with that memory and the kernel's objects open. The programs in the kernel go on counting.
type restart struct {
	log      *logging.Logger
	hasBegun atomic.Bool
	isLate   atomic.Bool // a signal asks for the end
	state    *os.File    // nil: the mode keeps nothing
	next     handover.Set
	early    chan os.Signal // signals since the program's begin, if it goes on after a restart; else nil
	late     chan os.Signal // signals during a restart
}

// newRestart takes what came before this start.
func newRestart(before *handover.Set, log *logging.Logger) *restart {
	r := &restart{log: log, late: make(chan os.Signal, 1)}
	if r.early = before.Early; r.early != nil && before.Stop {
		r.early <- unix.SIGTERM
	}
	return r
}

// stateName names the memory with the flows.
const stateName = "weir-flows"

// addState passes the memory of this restart and of the one before to the confined process.
func (r *restart) addState(named *agent.Descriptors, arriving int) {
	fd, err := unix.MemfdCreate(stateName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		r.log.Warnf("flows will begin anew at a restart in place: %v", err)
		return
	}
	r.state = os.NewFile(uintptr(fd), stateName)
	named.Add(agent.DescriptorLeft, fd)
	if arriving >= 0 {
		named.Add(agent.DescriptorArriving, arriving)
	}
}

// closeOnce closes a descriptor, unless it is closed already: -1.
func closeOnce(fd *int) {
	if *fd >= 0 {
		_ = unix.Close(*fd)
		*fd = -1
	}
}

// begin begins a restart, and returns the signal that tells the agent. In a mode that keeps nothing it ends as usual.
func (r *restart) begin() (syscall.Signal, bool) {
	if err := checkProgram(); err != nil {
		r.log.Warnf("no restart: %v", err)
		return 0, false
	}
	r.log.Infof("restarting in place")
	r.hasBegun.Store(true)
	signal.Notify(r.late, unix.SIGTERM, unix.SIGINT)
	if r.state == nil {
		return unix.SIGTERM, true
	}
	return unix.SIGUSR2, true
}

func (r *restart) stopLater() { r.isLate.Store(true) }

// closeBackend ends the capture, or hands it over.
func (r *restart) closeBackend(b backend) {
	if keeper, ok := b.(keeper); ok && r.hasBegun.Load() && r.state != nil {
		err := keeper.handOver(&r.next)
		if err == nil {
			if _, err = unix.FcntlInt(r.state.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|
				unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err == nil {
				err = r.next.Add(stateName, int(r.state.Fd()))
			}
		}
		if err == nil {
			return
		}
		r.log.Warnf("the capture begins anew: %v", err)
		r.next.Close()
	}
	_ = b.Close()
}

// exec executes the program anew. The kernel's objects live by the descriptors of r.next.
func (r *restart) exec() error {
	err := r.next.Exec(func() bool { return r.isLate.Load() || len(r.late) > 0 })
	return fmt.Errorf("restart in place: %w", err)
}

// close closes what is left if no restart has begun.
func (r *restart) close() {
	if r.state != nil {
		_ = r.state.Close()
	}
}

// programTime bounds the check of a new program.
const programTime = 10 * time.Second

// checkProgram reports why the program at the place of the running one can't take over: it may be half written, or for
// another machine.
func checkProgram() error {
	path, err := handover.Program()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), programTime)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput(); err != nil {
		return fmt.Errorf("%s --version: %w: %s", path, err, out)
	}
	return nil
}

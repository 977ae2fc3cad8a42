// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"os"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/agent"
)

// usage opens what tells the confined process of the agent's processes and of the kernel's boot, neither of which it
// could open. What can't be opened stays unknown.
type usage struct{ files []*os.File }

func (u *usage) add(e *agent.Descriptors, s *agent.Setup, child int) {
	for name, pid := range map[string]int{agent.ProcessAgent: child, agent.ProcessHelper: os.Getpid()} {
		if file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil {
			u.files = append(u.files, file)
			e.Add(agent.DescriptorStat(name), int(file.Fd()))
		}
	}
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		s.BootID = strings.TrimSpace(string(id))
	}
}

// close closes the files, once the confined process has them.
func (u *usage) close() {
	for _, file := range u.files {
		_ = file.Close() // it was only opened
	}
}

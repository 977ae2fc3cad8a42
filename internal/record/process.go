// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"strconv"
)

// Process is the local process whose socket a flow is of. Empty texts are unknown.
type Process struct {
	PID        uint32
	UID        uint32 // effective user
	Name       string // base name of the executable; the command name (proc_pid_comm(5)) without it
	Executable string // its path
	Container  string // the first 12 hexadecimal digits of the container's id, or its name
	Unit       string // of systemd
}

// appendProcess appends the object process, unless it is unknown.
func (f *Flow) appendProcess(b []byte) []byte {
	p := f.Process
	if p == nil {
		return b
	}
	b = strconv.AppendUint(append(b, `,"process":{"pid":`...), uint64(p.PID), 10)
	b = appendText(b, "name", p.Name)
	b = appendText(b, "executable", p.Executable)
	b = strconv.AppendUint(append(b, `,"uid":`...), uint64(p.UID), 10)
	b = appendText(b, "container", p.Container)
	return append(appendText(b, "unit", p.Unit), '}')
}

func (f *Flow) readProcess(value json.RawMessage) error {
	var read struct {
		PID, UID                          uint32
		Name, Executable, Container, Unit string
	}
	if err := json.Unmarshal(value, &read); err != nil {
		return err
	}
	f.Process = &Process{read.PID, read.UID, read.Name, read.Executable, read.Container, read.Unit}
	return nil
}

func (s *Summer) process(p *Process) {
	if p == nil {
		return
	}
	s.number(uint64(p.PID)<<32 | uint64(p.UID))
	for _, text := range [...]string{p.Name, p.Executable, p.Container, p.Unit} {
		s.text(text)
	}
}

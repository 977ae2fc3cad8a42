// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sockets"
)

// Bounds of what Present looks at.
const (
	maxSockets     = 65536
	maxDescriptors = 1 << 20
)

// Present lists the sockets that there are already, in weir's own network namespace, with their processes: those of
// /proc/net, by the descriptors of all processes. The error is the first of a file that could not be read.
func Present() ([]sockets.Socket, error) {
	byInode := map[string]sockets.Socket{}
	var failure error
	for _, file := range []struct {
		name  string
		proto uint8
	}{{"tcp", packet.ProtoTCP}, {"tcp6", packet.ProtoTCP}, {"udp", packet.ProtoUDP}, {"udp6", packet.ProtoUDP}} {
		if err := list("/proc/thread-self/net/"+file.name, file.proto, byInode); err != nil && failure == nil {
			failure = err
		}
	}
	return owners(byInode), failure
}

// list reads a table of proc_net_tcp(5).
func list(name string, proto uint8, byInode map[string]sockets.Socket) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() && len(byInode) < maxSockets {
		fields := strings.Fields(lines.Text())
		const inode = 9
		if len(fields) <= inode || fields[inode] == "0" { // the head, or nobody's (TIME_WAIT)
			continue
		}
		local, ok := end(fields[1])
		remote, also := end(fields[2])
		if !ok || !also || local.Port() == 0 {
			continue
		}
		s := sockets.Socket{Proto: proto, IsOwn: true, Local: local}
		if remote.Port() != 0 {
			s.Remote = remote
		}
		byInode["socket:["+fields[inode]+"]"] = s
	}
	return lines.Err()
}

// end reads an address of /proc/net: words of 32 bits in the machine's order, in hexadecimal digits, and a port.
func end(text string) (netip.AddrPort, bool) {
	address, port, ok := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	if !ok || err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok && err == nil
}

// owners finds the processes of sockets by their descriptors. Of several processes with a socket the first counts.
func owners(byInode map[string]sockets.Socket) (all []sockets.Socket) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	left := maxDescriptors
	for _, p := range processes {
		pid, err := strconv.ParseUint(p.Name(), 10, 32)
		if err != nil || len(byInode) == 0 || left <= 0 {
			continue
		}
		folder := "/proc/" + p.Name()
		descriptors, err := os.ReadDir(folder + "/fd")
		if err != nil {
			continue // it has ended
		}
		var details *record.Process
		for _, d := range descriptors {
			if left--; left <= 0 {
				break
			}
			name, err := os.Readlink(folder + "/fd/" + d.Name())
			s, ok := byInode[name]
			if err != nil || !ok {
				continue
			}
			if details == nil {
				details = describe(uint32(pid), folder)
			}
			s.Process = *details
			all = append(all, s)
			delete(byInode, name)
		}
	}
	return all
}

// describe returns what /proc has of a process.
func describe(pid uint32, folder string) *record.Process {
	p := &record.Process{PID: pid}
	if comm, err := readSome(folder + "/comm"); err == nil {
		p.Name = strings.TrimSuffix(string(comm), "\n")
	}
	status, err := readSome(folder + "/status")
	if err == nil {
		_, after, _ := strings.Cut(string(status), "\nUid:")
		if ids := strings.Fields(after); len(ids) > 1 { // real, effective
			if uid, err := strconv.ParseUint(ids[1], 10, 32); err == nil {
				p.UID = uint32(uid)
			}
		}
	}
	more(p, 0)
	return p
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// git: the git:// transport's request, a pkt-line with service, path and host (gitprotocol-pack(5)).
var gitProtocol = &dissect.Protocol{
	Name:      "git",
	Spec:      "gitprotocol-pack(5), gitprotocol-common(5)",
	Category:  "developer",
	Over:      dissect.TCP,
	Ports:     []uint16{9418},
	Start:     dissect.FirstBytes("0"),
	MinLength: 4,
	Members:   []string{"git.path", "git.service"},
	Inspect:   inspectGit,
}

var gitServices = []string{"git-upload-pack /", "git-receive-pack /", "git-upload-archive /"}

func inspectGit(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.ToServer()
	if len(b) == 0 {
		b = c.ToClient() // a capture from mid-flow swaps the sides
	}
	length, ok := gitLength(b)
	if !ok {
		return dissect.No
	}
	if len(b) < 4 || len(b) < length {
		return dissect.NeedMore
	}
	line := b[4:length]
	if gitIsReference(line) || string(line) == "version 1\n" || string(line) == "version 2\n" {
		return dissect.Yes
	}
	if !hasAnyPrefix(line, gitServices) {
		return dissect.No
	}
	service, rest, _ := bytes.Cut(line, []byte{' '})
	path, rest, _ := bytes.Cut(rest, []byte{0})
	o := r.Object("git")
	o.Text("service", service)
	o.Text("path", bytes.TrimSpace(path))
	if host, ok := bytes.CutPrefix(rest, []byte("host=")); ok {
		host, _, _ = bytes.Cut(host, []byte{0})
		r.SetHost(cutPort(host))
	}
	return dissect.Yes
}

// gitIsReference reports whether line advertises a reference: its object's name in hexadecimal, blank, name.
func gitIsReference(line []byte) bool {
	const name = 40
	if len(line) < name+6 || line[name] != ' ' || !hasPrefix(line[name+1:], "HEAD") &&
		!hasPrefix(line[name+1:], "refs/") {
		return false
	}
	for _, c := range line[:name] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// gitLength reads a pkt-line's length of four hexadecimal digits, itself included, as far as it has arrived.
func gitLength(b []byte) (length int, ok bool) {
	for _, c := range b[:min(len(b), 4)] {
		switch {
		case '0' <= c && c <= '9':
			length = length<<4 | int(c-'0')
		case 'a' <= c && c <= 'f':
			length = length<<4 | int(c-'a'+10)
		default:
			return 0, false
		}
	}
	const longest = 1024 // a request is a path and a host
	return length, len(b) < 4 || length > 4 && length <= longest
}

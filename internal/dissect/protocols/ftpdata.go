// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// ftp-data: FTP's data connection. It carries bare files, so the control connection's announcement usually names it; on
// its own, only a directory listing in the form of ls -l is recognisable.
var ftpDataProtocol = &dissect.Protocol{
	Name:      "ftp-data",
	Spec:      "RFC 959 §3.2",
	Category:  "file-transfer",
	Over:      dissect.TCP,
	Start:     dissect.FirstBytes("d", "-", "l", "total "),
	MinLength: 40,
	Inspect:   inspectFTPData,
}

func inspectFTPData(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if len(c.ToServer()) > 0 && len(c.ToClient()) > 0 {
		return dissect.No // data flows one way
	}
	b := c.First()
	if hasPrefix(b, "total ") {
		_, b, _ = cutLine(b)
	}
	line, _, whole := cutLine(b)
	if whole && ftpListing(line) {
		return dissect.Yes
	}
	return dissect.No
}

// ftpListing reports whether line looks like "-rw-r--r-- 1 owner group 1234 Jan 31 10:11 name".
func ftpListing(line []byte) bool {
	const mode = "drwxrwxrwx"
	if len(line) < len(mode)+1 || bytes.IndexByte([]byte("d-l"), line[0]) < 0 {
		return false
	}
	for i := 1; i < len(mode); i++ {
		if line[i] != mode[i] && line[i] != '-' && (i%3 != 0 || bytes.IndexByte([]byte("sStT"), line[i]) < 0) {
			return false
		}
	}
	rest := line[len(mode):]
	for i := range 5 { // links, owner, group, size, month
		rest = bytes.TrimLeft(rest, " +.@")
		end := bytes.IndexByte(rest, ' ')
		if end <= 0 || (i == 0 || i == 3) && !isDigits(rest[:end]) || i == 4 && end != 3 {
			return false
		}
		rest = rest[end:]
	}
	return true
}

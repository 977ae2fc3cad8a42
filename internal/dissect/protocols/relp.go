// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"slices"

	"github.com/weirnet/weir/internal/dissect"
)

// relp: Reliable Event Logging Protocol: frames of transaction, command, length and data, in text.
var relpProtocol = &dissect.Protocol{
	Name:      "relp",
	Spec:      "RELP specification: frame layout, open, syslog",
	Category:  "system",
	Over:      dissect.TCP,
	Ports:     []uint16{2514, 20514},
	Start:     dissect.ByteRange('0', '9'),
	MinLength: 8,
	Members:   []string{"relp.version"},
	Inspect:   inspectRELP,
}

// relpCommands are a session's commands; a server closes with transaction 0.
var relpCommands = []string{"open", "close", "syslog", "rsp", "serverclose", "starttls"}

func inspectRELP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	known := 0
	for _, b := range [2][]byte{c.First(), c.Second()} {
		if len(b) == 0 {
			continue
		}
		command, data, v := cutRELP(b)
		if v != dissect.Yes {
			return v
		}
		if known++; string(command) == "open" || string(command) == "rsp" {
			if _, version, found := bytes.Cut(data, []byte("relp_version=")); found {
				line, _, _ := cutLine(version)
				r.Object("relp").Text("version", line)
				return dissect.Yes
			}
		}
	}
	if known == 2 {
		return dissect.Yes
	}
	return dissect.NeedMore
}

// cutRELP reads the frame at the start of b: up to nine digits, a command, the data's length, the data and a line end.
func cutRELP(b []byte) (command, data []byte, v dissect.Verdict) {
	const longest, maxDigits, maxCommand, maxLength = 64, 9, 32, 128 << 10
	number, rest, ok := bytes.Cut(b[:min(len(b), longest)], []byte{' '})
	if !isDigits(number) || len(number) == 0 || len(number) > maxDigits {
		return nil, nil, dissect.No
	}
	command, rest, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 {
		return nil, nil, moreIf(len(command) <= maxCommand && slices.ContainsFunc(relpCommands, func(name string) bool {
			return couldBe(command, name)
		}))
	}
	if !slices.Contains(relpCommands, string(command)) {
		return nil, nil, dissect.No
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	length, _, _ := cutNumber(rest[:end])
	if end == len(rest) {
		return nil, nil, moreIf(end <= maxDigits)
	}
	if end == 0 || length > maxLength || rest[end] != ' ' && (rest[end] != '\n' || length != 0) {
		return nil, nil, dissect.No
	}
	at := len(number) + 1 + len(command) + 1 + end
	if length > 0 {
		at++
	}
	if len(b) < at+length+1 {
		return nil, nil, moreIf(at+length < dissect.MaxStream)
	}
	return command, b[at : at+length], verdictIf(b[at+length] == '\n')
}

// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// quakeCommands are the first words of Quake III's connectionless messages, each with its continuation.
var quakeCommands = []string{"getstatus", "getinfo", "getchallenge", "getservers ", "getserversExt ",
	"getserversResponse\\", "statusResponse\n\\", "infoResponse\n\\", "challengeResponse ", "connectResponse",
	"connect \"\\"}

// isQuake3 reports whether one of Quake III's commands follows the mark.
func isQuake3(body []byte) bool {
	return hasAnyPrefix(body, quakeCommands) && isPrintable(body[:min(len(body), 16)])
}

// describeQuake3 writes the command: the first word.
func describeQuake3(body []byte, r *dissect.Result) {
	r.SetProtocol("quake3")
	word, _, _ := bytes.Cut(body[:min(len(body), 20)], []byte{'\n'})
	word, _, _ = bytes.Cut(word, []byte{' '})
	word, _, _ = bytes.Cut(word, []byte{'\\'})
	r.Object("quake3").Text("command", word)
}

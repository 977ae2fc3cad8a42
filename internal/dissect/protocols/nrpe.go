// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"hash/crc32"

	"github.com/weirnet/weir/internal/dissect"
)

// nrpe: unencrypted Nagios Remote Plugin Executor, by packets whose checksum covers all of them.
var nrpeProtocol = &dissect.Protocol{
	Name:      "nrpe",
	Spec:      "NRPE 2, 3 and 4: packet layout as publicly described",
	Category:  "system",
	Over:      dissect.TCP,
	Ports:     []uint16{5666},
	MinLength: nrpeHeader,
	Members:   []string{"nrpe.command", "nrpe.version"},
	Inspect:   inspectNRPE,
}

const (
	nrpeHeader = 2 + 2 + 4 + 2 // version, type, checksum, result
	nrpeSize2  = 1036          // of a version 2 packet: a text of 1,024 bytes, and two of padding
)

func inspectNRPE(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const query, response, oldest, newest = 1, 2, 2, 4
	b := c.First()
	if len(b) < nrpeHeader {
		return dissect.NeedMore
	}
	version, kind, text := be16(b), be16(b[2:]), 0
	if version < oldest || version > newest || kind != query && kind != response {
		return dissect.No
	}
	switch {
	case version > oldest && len(b) < nrpeHeader+6:
		return dissect.NeedMore
	case version > oldest: // alignment and the length of the text
		text = nrpeHeader + 6
		if be32(b[nrpeHeader+2:]) > dissect.MaxStream {
			return dissect.No
		}
	default:
		if text = nrpeHeader; len(b) < nrpeSize2 {
			return dissect.NeedMore
		}
		b = b[:nrpeSize2]
	}
	if !isNRPESum(b) {
		return moreIf(version > oldest && len(b) < text+be32(b[nrpeHeader+2:])+nrpeHeader)
	}
	o := r.Object("nrpe")
	o.Int("version", int64(version))
	if command, _, _ := cutZero(b[text:]); kind == query {
		o.Text("command", command)
	}
	return dissect.Yes
}

// nrpeNoSum replaces the checksum during its computation.
var nrpeNoSum = make([]byte, 4)

// isNRPESum checks the checksum (CRC-32 of IEEE 802.3), which the sender computes with zeros in its place.
func isNRPESum(b []byte) bool {
	sum := crc32.Update(0, crc32.IEEETable, b[:4])
	sum = crc32.Update(sum, crc32.IEEETable, nrpeNoSum)
	return crc32.Update(sum, crc32.IEEETable, b[8:]) == ube32(b[4:])
}

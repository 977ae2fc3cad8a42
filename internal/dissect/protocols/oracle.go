// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// oracle: Oracle Net's Transparent Network Substrate, by CONNECT with its descriptor, and by the server's answers.
var oracleProtocol = &dissect.Protocol{
	Name:      "oracle",
	Spec:      "Oracle Net Services Administrator's Guide (connect descriptor); TNS header as publicly described",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{1521},
	Start:     dissect.BytesOf(0, 1, 2, 3), // the higher byte of the length
	MinLength: tnsHeader,
	Members:   []string{"oracle.sid"},
	Inspect:   inspectOracle,
}

const (
	tnsHeader  = 8 // length, checksum (0), type, flags, header checksum (0)
	tnsConnect = 1
	tnsAccept  = 2
	tnsRefuse  = 4
	tnsResend  = 11
)

func inspectOracle(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) < tnsHeader {
			continue
		}
		length, kind := be16(b), b[4]
		if length < tnsHeader || b[2] != 0 || b[3] != 0 || b[6] != 0 || b[7] != 0 {
			return dissect.No
		}
		body := b[tnsHeader:min(len(b), length)]
		switch kind {
		case tnsConnect: // version and the oldest compatible one, 300 to 400
			const fixed = 20 // up to the offset of the descriptor
			if len(body) < fixed {
				continue
			}
			version, oldest := be16(body), be16(body[2:])
			if version < 300 || version > 400 || oldest < 300 || oldest > version {
				return dissect.No
			}
			oracleDescriptor(b[tnsHeader:], r)
			return dissect.Yes
		case tnsAccept: // version
			if len(body) < 16 || be16(body) < 300 || be16(body) > 400 || len(b) < length {
				return dissect.No
			}
			return dissect.Yes
		case tnsRefuse: // reasons, length, text
			if len(body) < 4 || !bytes.Contains(body, []byte("(DESCRIPTION=")) &&
				!bytes.Contains(body, []byte("(ERR=")) {
				return moreIf(len(b) < length)
			}
			return dissect.Yes
		case tnsResend:
			if length != tnsHeader {
				return dissect.No
			}
		default:
			return dissect.No
		}
	}
	return dissect.NeedMore
}

// oracleDescriptor writes the names in the client's descriptor: "(SERVICE_NAME=shop)".
func oracleDescriptor(b []byte, r *dissect.Result) {
	o := r.Object("oracle")
	for _, f := range [...]struct{ key, name string }{
		{"SERVICE_NAME=", "service"}, {"SID=", "sid"}, {"PROGRAM=", "program"}, {"USER=", "user"},
	} {
		i := bytes.Index(b, []byte(f.key))
		if i < 0 {
			continue
		}
		if end := bytes.IndexByte(b[i:], ')'); end > 0 {
			o.Text(f.name, b[i+len(f.key):i+end])
		}
	}
}

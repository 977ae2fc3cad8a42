// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// oncRPCMembers are those that ONC RPC fills over any transport.
var oncRPCMembers = []string{"onc_rpc.asked_program", "onc_rpc.machine", "onc_rpc.procedure", "onc_rpc.program",
	"onc_rpc.program_version"}

// onc-rpc: ONC RPC (RFC 5531) and protocols with their own program numbers: NFS with its helpers, and the port mapper
// (RFC 1833).
var oncRPCOverUDPProtocol = &dissect.Protocol{
	Name:      "onc-rpc",
	Also:      []string{"nfs", "rpcbind"},
	Spec:      "RFC 5531 §9, §11; RFC 1833; RFC 7530; RFC 8881",
	Category:  "rpc",
	Over:      dissect.UDP,
	Ports:     []uint16{rpcbindPort, nfsPort},
	Start:     dissect.ByteRange(0, 255), // the transaction identifier is random
	MinLength: rpcReplySize,
	Heuristic: true,
	Members:   oncRPCMembers,
	Inspect:   inspectRPC,
}

// Over TCP each message has a record mark (RFC 5531 §11): the last fragment's flag and the length.
var oncRPCOverTCPProtocol = &dissect.Protocol{
	Name:      "onc-rpc",
	Also:      []string{"nfs", "rpcbind"},
	Spec:      "RFC 5531 §9, §11",
	Category:  "rpc",
	Over:      dissect.TCP,
	Ports:     []uint16{rpcbindPort, nfsPort},
	Start:     dissect.BytesOf(0x80),
	MinLength: 4 + rpcReplySize,
	Members:   oncRPCMembers,
	Inspect:   inspectRPC,
}

const (
	rpcCallSize  = 40 // identifier, type, version, program, its version, procedure, two empty authenticators
	rpcReplySize = 24 // identifier, type, status, an empty authenticator, accept status
	// rpcMaxAuth is the maximum length of an authenticator, RFC 5531 §8.2.
	rpcMaxAuth = 400
	// The registry's block 0x00000000-0x1fffffff is sparse: assigned numbers begin at 100000, and nearly none exceeds
	// 400000.
	rpcFirstProgram, rpcLastProgram = 100000, 400200
)

func inspectRPC(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	return eitherStream(c, r, inspectRPCSide)
}

func inspectRPCSide(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.TCP {
		if len(b) < 4+rpcReplySize {
			return dissect.NeedMore
		}
		if length := int(ube32(b) & 0x7fffffff); b[0] != 0x80 || length < rpcReplySize || length%4 != 0 {
			return dissect.No
		}
		b = b[4:]
	}
	if len(b) < rpcReplySize {
		return dissect.No
	}
	switch be32(b[4:]) {
	case 0:
		return rpcCall(b, r)
	case 1:
		return rpcReply(c, b, r)
	}
	return dissect.No
}

// rpcCall checks a call: RPC version 2, a program number from the blocks that IANA, and Sun before it, assigned, and an
// authenticator with a fitting length.
func rpcCall(b []byte, r *dissect.Result) dissect.Verdict {
	if len(b) < rpcCallSize {
		return dissect.No
	}
	program, version, procedure := be32(b[12:]), be32(b[16:]), be32(b[20:])
	flavor, length := be32(b[24:]), be32(b[28:])
	if be32(b[8:]) != 2 || program < rpcFirstProgram || program > rpcLastProgram || version > 16 || procedure > 256 {
		return dissect.No
	}
	if !rpcFlavor(flavor) || length > rpcMaxAuth || length%4 != 0 || flavor == 0 && length != 0 || version == 0 ||
		be32(b) == 0 {
		return dissect.No
	}
	o := r.Object("onc_rpc")
	o.Int("program", int64(program))
	o.Int("program_version", int64(version))
	o.Int("procedure", int64(procedure))
	if flavor == 1 && length >= 8 && len(b) >= 32+length { // AUTH_SYS: stamp, machine name (RFC 5531 appendix A)
		credential := b[32 : 32+length]
		if n := be32(credential[4:]); n <= length-8 {
			o.Text("machine", credential[8:8+n])
		}
	}
	if asked := rpcGetPort(b, program, version, procedure, length); asked != 0 {
		o.Int("asked_program", int64(asked))
		program = asked
	}
	r.SetProtocol(rpcProtocol(program))
	return dissect.Yes
}

// rpcReply checks an accepted reply whose call is missing. It has no program number and many zeros, so it must come
// from a port that is assigned to a program, which then names it.
func rpcReply(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	status, flavor, length := be32(b[8:]), be32(b[12:]), be32(b[16:])
	if status != 0 || flavor != 0 || length != 0 || be32(b[20:]) > 5 || be32(b) == 0 {
		return dissect.No
	}
	switch {
	case c.HasPort(nfsPort):
		r.SetProtocol("nfs")
	case c.HasPort(rpcbindPort):
		r.SetProtocol("rpcbind")
	default:
		return dissect.No
	}
	return dissect.Yes
}

// rpcFlavor reports whether IANA's registry has an authentication flavor: none, sys, short, DH, Kerberos, RSA, GSS,
// TLS.
func rpcFlavor(flavor int) bool { return flavor >= 0 && flavor <= 7 }

// rpcProtocol returns the slug of a program in IANA's registry of RPC program numbers.
func rpcProtocol(program int) string {
	switch {
	case program == rpcbindProgram:
		return "rpcbind"
	case isNFSProgram(program):
		return "nfs"
	}
	return "onc-rpc"
}

// rpcGetPort returns the program whose port a call of PMAPPROC_GETPORT (version 2, RFC 1833 §3) or RPCBPROC_GETADDR (3
// and 4, §2.1) requests, 0 for other calls. NFS begins by requesting the port of NFS or a helper, so such a flow is
// NFS's.
func rpcGetPort(b []byte, program, version, procedure, credential int) int {
	const getPort = 3
	verifier := 32 + credential // flavor, length
	if program != rpcbindProgram || version < 2 || version > 4 || procedure != getPort || len(b) < verifier+8 {
		return 0
	}
	size := be32(b[verifier+4:])
	if size > rpcMaxAuth || len(b) < verifier+8+size+8 {
		return 0
	}
	arguments := verifier + 8 + size
	asked := be32(b[arguments:])
	if !isNFSProgram(asked) {
		return 0
	}
	return asked
}

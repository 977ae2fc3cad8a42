// SPDX-License-Identifier: Apache-2.0

// Package dissecttest tests dissectors with scripts: Listen feeds both sides' messages, one by one, through a real
// dissect.Table and Session, so candidates, reassembly and budgets take part.
//
// internal/dissect/protocols/kit_test.go gives its functions short names and binds them to the table of all protocols.
package dissecttest

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/dissect"
)

// Say is one message of a script.
type Say struct {
	FromClient bool
	Bytes      []byte
}

// C returns a message of the client.
func C[T string | []byte](b T) Say { return Say{true, []byte(b)} }

// S returns a message of the server.
func S[T string | []byte](b T) Say { return Say{false, []byte(b)} }

// CX returns a message of the client in hexadecimal, with white space and "|" anywhere.
func CX(h string) Say { return Say{true, Unhex(h)} }

// SX returns a message of the server in the form of CX.
func SX(h string) Say { return Say{false, Unhex(h)} }

// Unhex decodes hexadecimal text in the form of CX.
func Unhex(h string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "", "|", "").Replace(h))
	if err != nil {
		panic(err)
	}
	return b
}

// Talk is a whole conversation.
type Talk struct {
	Over       dissect.Transport
	ClientPort uint16 // default 49152
	ServerPort uint16
	IPProtocol uint8 // for IP
	Midstream  bool
	Ends       bool // the flow ends after the last message
	Says       []Say
}

// TCP returns a talk over TCP with the given server port.
func TCP(serverPort uint16, says ...Say) Talk {
	return Talk{Over: dissect.TCP, ServerPort: serverPort, Says: says}
}

// UDP returns a talk over UDP with the given server port.
func UDP(serverPort uint16, says ...Say) Talk {
	return Talk{Over: dissect.UDP, ServerPort: serverPort, Says: says}
}

// IP returns a talk directly over IP with the given protocol number.
func IP(protocol uint8, says ...Say) Talk {
	return Talk{Over: dissect.IP, IPProtocol: protocol, Says: says}
}

// Split cuts each message into segments of n bytes.
func (k Talk) Split(n int) Talk {
	var says []Say
	for _, m := range k.Says {
		for part := range slices.Chunk(m.Bytes, n) {
			says = append(says, Say{m.FromClient, part})
		}
	}
	k.Says = says
	return k
}

// Only returns one side's messages.
func (k Talk) Only(fromClient bool) Talk {
	k.Says = slices.DeleteFunc(slices.Clone(k.Says), func(m Say) bool { return m.FromClient != fromClient })
	return k
}

// Swapped returns the talk from its nth message on, with client and server exchanged, as a capture in mid-flow may show
// it.
func (k Talk) Swapped() Talk {
	k.Midstream = true
	k.Says = slices.Clone(k.Says)
	for i := range k.Says {
		k.Says[i].FromClient = !k.Says[i].FromClient
	}
	return k
}

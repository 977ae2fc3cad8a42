// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Request and response are the vectors of RFC 5769 §2.1 and §2.2; the others are built by hand after the RFCs' figures.
const (
	stunRequest = `000100582112a442b7e7a701bc34d686fa87dfae 802200105354554e207465737420636c69656e74
		002400046e0001ff 80290008932ff9b151263b36 000600096576746a3a68367659202020
		000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`
	stunResponse = `0101003c2112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
		002000080001a147e112a643 000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96`
	stunID = "2112a442 0102030405060708090a0b0c"
)

// stunFramed puts the length of RFC 4571 before a message.
func stunFramed(h string) string {
	return fmt.Sprintf("%04x", len(unhex(h))) + h
}

// stunMessage is a message of one attribute, padded.
func stunMessage(kind, attribute, value string) string {
	padded := value + strings.Repeat("00", (8-len(value)%8)%8/2)
	return fmt.Sprintf("%s%04x%s%s%04x%s", kind, 4+len(padded)/2, stunID, attribute, len(value)/2, padded)
}

// rtpPacket is one of 20 ms of audio.
func rtpPacket(payloadType, seq, ssrc int) string {
	return fmt.Sprintf("80%02x%04x%08x%08x%s", payloadType, seq&0xffff, seq*160, ssrc, strings.Repeat("d5", 160))
}

var (
	stunCheck   = udp(40000, CX(stunRequest), SX(stunResponse))
	stunOverTCP = tcp(3478, CX(stunRequest+stunRequest), SX(stunResponse))
	stunICETCP  = tcp(40000, CX(stunFramed(stunRequest)), SX(stunFramed(stunResponse)))
	stunClassic = udp(3478, CX("00010008 000102030405060708090a0b0c0d0e0f 0003000400000000"),
		SX("0101000c 000102030405060708090a0b0c0d0e0f 000100080001a147c0000201"))
	stunBare = udp(3478, CX("00010000 000102030405060708090a0b0c0d0e0f"),
		SX("0101000c 000102030405060708090a0b0c0d0e0f 000100080001a147c0000201"))
	stunTURN = udp(3478, CX(stunMessage("0003", "0019", "11000000")),
		SX(stunMessage("0113", "0014", hex.EncodeToString([]byte("turn.example.org")))))
	stunMedia = udp(40000, CX(stunRequest), SX(stunResponse), CX(rtpPacket(111, 1, 0x1234)),
		CX(rtpPacket(111, 2, 0x1234)),
		CX(rtpPacket(111, 3, 0x1234)), CX(rtpPacket(111, 4, 0x1234)))
)

func TestSTUN(t *testing.T) {
	wantProtocol(t, stunCheck, "stun", `"method":"binding"`, `"software":"test vector"`, `"username":"evtj:h6vY"`,
		`"mapped_address":"192.0.2.1"`)
	wantProtocol(t, stunOverTCP, "stun", `"mapped_address":"192.0.2.1"`)
	wantProtocol(t, stunICETCP, "stun", `"mapped_address":"192.0.2.1"`)
	wantProtocol(t, stunClassic, "stun", `"classic":true`, `"mapped_address":"192.0.2.1"`)
	wantProtocol(t, stunBare, "stun", `"classic":true`)
	if h := wantProtocol(t, stunTURN, "stun", `"method":"allocate"`,
		`"realm":"turn.example.org"`); h.Host != "turn.example.org" {
		t.Errorf("host %q", h.Host)
	}
	wantProtocol(t, stunMedia, "rtp", `"method":"binding"`)
	channels := udp(3478)
	for i := range 5 {
		channels.Says = append(channels.Says, CX(fmt.Sprintf("4001%04x", 20+i)+strings.Repeat("ab", 20+i)))
	}
	wantProtocol(t, channels, "stun", `"method":"channel-data"`)
	wantNot(t, udp(3478, CX("00010000 000102030405060708090a0b0c0d0e0f")), "stun")
	wantNot(t, udp(3478, CX("00010004 000102030405060708090a0b0c0d0e0f 44440000")), "stun")
	wantNot(t, udp(3478, CX(stunRequest+"00")), "stun")
	wantNot(t, udp(53, CX("00010000000100000000000003777777076578616d706c6503636f6d0000010001")), "stun")
	for _, k := range []talk{stunCheck, stunOverTCP, stunICETCP, stunClassic, stunBare, stunTURN, stunMedia} {
		testTruncations(t, "stun", k, 20)
		wantNoAllocations(t, "stun", k)
	}
}

func TestSTUNApplications(t *testing.T) {
	for name, c := range map[string]struct {
		message, want string
	}{
		"Microsoft's version":        {stunMessage("0003", "8008", "00000006"), "microsoft-teams"},
		"Webex's flow":               {stunMessage("0001", "c003", "00000001"), "webex"},
		"Allocate with 0x4000 alone": {stunMessage("0003", "4000", "0102030405060708"), "whatsapp"},
		"a check without USERNAME":   {stunMessage("0001", "0008", strings.Repeat("ab", 20)), "whatsapp"},
		"a relay's refusal":          {stunMessage("0113", "0008", strings.Repeat("ab", 20)), ""},
		"RFC 3489 with 0x0101": {"00010018 000102030405060708090a0b0c0d0e0f 01010014" +
			strings.Repeat("31", 20), "zoom"},
		"libwebrtc's network attribute":  {stunMessage("0001", "c057", "00010000"), ""},
		"RFC 3489 with a change request": {"00010008 000102030405060708090a0b0c0d0e0f 0003000400000000", ""},
	} {
		h := listen(t, udp(3478, CX(c.message)))
		if h.Protocol != "stun" || h.Application != c.want {
			t.Errorf("%s: %q of %q, want %q", name, h.Application, h.Protocol, c.want)
		}
	}
}

func FuzzSTUN(f *testing.F) {
	fuzzTalks(f, "stun", stunCheck, stunClassic, stunTURN, stunMedia)
}

func FuzzSTUNOverTCP(f *testing.F) { fuzzTalks(f, "stun", stunOverTCP, stunICETCP) }

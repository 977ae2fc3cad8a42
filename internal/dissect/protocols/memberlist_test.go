// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// Built by hand from the messages' fields: a ping, the acknowledgement, both behind a checksum, and two in one.
var (
	memberlistPing = udp(7946, C("\x00\x82\xa5SeqNo\x07\xa4Node\xa5alice"),
		S("\x02\x82\xa5SeqNo\x07\xa7Payload\xc0"))
	memberlistSums     = udp(40000, C(memberlistSummed("\x04\x82\xabIncarnation\x01\xa4Node\xa5alice")))
	memberlistTogether = udp(40000, C("\x07\x02\x00\x15\x00\x10\x00\x82\xa5SeqNo\x07\xa4Node\xa6alice1\x02\x82\xa5Seq"+
		"No\x07\xa4Data\xa1a"))
	memberlistSync = tcp(7946, C("\x06\x83\xa5Nodes\x03\xacUserStateLen\x00\xa4Join\xc3"))
)

func memberlistSummed(message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{memberlistChecked}, crc32.ChecksumIEEE([]byte(message)))) +
		message
}

func TestMemberlist(t *testing.T) {
	wantProtocol(t, memberlistPing, "memberlist", `"message_type":0`)
	wantProtocol(t, memberlistSums, "memberlist", `"message_type":4`)
	wantProtocol(t, memberlistTogether, "memberlist")
	wantProtocol(t, memberlistSync, "memberlist", `"message_type":6`)
	wantNot(t, udp(40000, C("\x0c\x00\x00\x00\x01\x04\x82\xabIncarnation\x01\xa4Node\xa5alice")), "memberlist")
	wantNot(t, udp(7946, C("\x00\x82\xa5SeqNr\x07\xa4Node\xa5alice")), "memberlist")
	testTruncations(t, "memberlist", memberlistPing, 8)
	testTruncations(t, "memberlist", memberlistSums, 27)
	testTruncations(t, "memberlist", memberlistTogether, len(memberlistTogether.Says[0].Bytes))
	testTruncations(t, "memberlist", memberlistSync, 8)
	wantNoAllocations(t, "memberlist", memberlistSums)
}

func FuzzMemberlist(f *testing.F) {
	fuzzTalks(f, "memberlist", memberlistPing, memberlistSums, memberlistTogether)
}

func FuzzMemberlistStream(f *testing.F) { fuzzTalks(f, "memberlist", memberlistSync) }

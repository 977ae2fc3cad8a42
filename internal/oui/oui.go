// SPDX-License-Identifier: Apache-2.0

// Package oui knows whose network card has a link-layer address, by the IEEE's registry of assignments: MA-L (24 bits),
// MA-M (28) and MA-S (36). The table is searched where the program's file is mapped: what is not looked for takes no
// memory.
package oui

import (
	"cmp"

	"github.com/weirnet/weir/gen/oui"
)

//go:generate go run ./generate ../../gen/oui/oui.bin

// The table is, all numbers big-endian: for each of the three sizes of assignments, the longest first, the number of
// its records (4 bytes); then these records, sorted: the assignment (5, 4 or 3 bytes) and the place of its name (3
// bytes); then the names, each with its length (1 byte) before it.
const (
	counts    = 3
	placeSize = 3
)

var prefixSizes = [counts]int{5, 4, 3}

// prefixBits are how many bits an assignment has; the rest of its bytes is 0.
var prefixBits = [counts]int{36, 28, 24}

// Vendor names the organisation that has the assignment of an address: the longest one. It is empty where none has, and
// for addresses of groups and those that are administered locally, which nobody is assigned.
func Vendor(mac [6]byte) string {
	if mac[0]&(group|local) != 0 {
		return ""
	}
	data := oui.Data
	at := 4 * counts
	names := at
	for i, size := range prefixSizes {
		names += number(data[4*i:][:4]) * (size + placeSize)
	}
	for i, size := range prefixSizes {
		n := number(data[4*i:][:4])
		records := data[at : at+n*(size+placeSize)]
		at += len(records)
		var prefix [5]byte
		copy(prefix[:], mac[:size])
		if spare := 8*size - prefixBits[i]; spare > 0 {
			prefix[size-1] &= 0xff << spare
		}
		if place, ok := search(records, prefix[:size]); ok {
			name := data[names+place:]
			return name[1 : 1+int(name[0])]
		}
	}
	return ""
}

// search looks for a record.
func search(records string, prefix []byte) (place int, ok bool) {
	size := len(prefix) + placeSize
	low, high := 0, len(records)/size
	for low < high {
		middle := (low + high) / 2
		record := records[middle*size:][:size]
		switch compare(record, prefix) {
		case 0:
			return number(record[len(prefix):]), true
		case -1:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, false
}

// compare compares the beginning of a record with a prefix, byte by byte.
func compare(record string, prefix []byte) int {
	for i, b := range prefix {
		if c := cmp.Compare(record[i], b); c != 0 {
			return c
		}
	}
	return 0
}

func number(b string) (n int) {
	for i := range len(b) {
		n = n<<8 | int(b[i])
	}
	return n
}

// Bits of an address's first byte (IEEE 802 §8.2).
const (
	group = 1
	local = 2
)

// IsRandom says whether an address is one that its device has probably chosen at random: it is administered locally,
// and none of those that well-known programs give. Phones and computers set no further bits (all four quadrants of IEEE
// 802c occur).
func IsRandom(mac [6]byte) bool {
	if mac[0]&(group|local) != local {
		return false
	}
	for _, prefix := range fixed {
		if string(mac[:len(prefix)]) == prefix {
			return false
		}
	}
	return true
}

// fixed are local prefixes that are no sign of a random address.
var fixed = []string{
	"\x02\x42",         // Docker's bridges and containers, before version 28: followed by the IPv4 address
	"\x52\x54\x00",     // QEMU and libvirt
	"\x0a\x00\x27",     // VirtualBox's host-only networks
	"\x02\x00\x4c\x4f", // Microsoft's loopback adapter
}

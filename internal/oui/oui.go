// SPDX-License-Identifier: Apache-2.0

// Package oui names the organisation that a MAC address is assigned to, from the IEEE's registries MA-L (24 bits), MA-M
// (28) and MA-S (36). It searches the table in the mapped program file: pages that no search touches take no memory.
package oui

import (
	"cmp"

	"github.com/weirnet/weir/gen/oui"
)

//go:generate go run ./generate ../../gen/oui/oui.bin

// The table's format, all numbers big-endian: for each of the three assignment sizes, the longest first, the number of
// its records (4 bytes); then these records, sorted: the assignment (5, 4 or 3 bytes) and its name's offset (3 bytes);
// then the names, each after its length (1 byte).
const (
	counts    = 3
	placeSize = 3
)

var prefixSizes = [counts]int{5, 4, 3}

// prefixBits are the assignments' lengths in bits; the rest of their bytes is 0.
var prefixBits = [counts]int{36, 28, 24}

// Vendor returns the organisation with the longest assignment that covers an address. It returns "" if no assignment
// does, and for group addresses and locally administered ones, which belong to nobody.
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

// search returns the name's offset from the record with the given prefix.
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

// compare compares the start of a record with a prefix, byte by byte.
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

// IsRandom reports whether a device has probably chosen its address at random: the address is locally administered, and
// no well-known program assigns it. Phones and computers set no further bits (all four quadrants of IEEE 802c occur).
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

// fixed are the local prefixes of well-known programs.
var fixed = []string{
	"\x02\x42",         // Docker's bridges and containers, before version 28: followed by the IPv4 address
	"\x52\x54\x00",     // QEMU and libvirt
	"\x0a\x00\x27",     // VirtualBox's host-only networks
	"\x02\x00\x4c\x4f", // Microsoft's loopback adapter
}

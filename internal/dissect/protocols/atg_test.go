// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The manual's in-tank inventory report.
var atgInventory = tcp(10001, C("\x01I20100\n"), S("\x01\r\nI20100\r\nJAN 1, 2024\r\n"))

func TestATG(t *testing.T) {
	wantProtocol(t, atgInventory, "atg", `"function":"I20100"`)
	wantProtocol(t, tcp(4000, C("\x01000000I20100\n")), "atg")
	wantProtocol(t, tcp(10001, atgInventory.Says[1]), "atg")
	wantNot(t, tcp(10001, C("\x01X20100\nand so on more")), "atg")
	testTruncations(t, "atg", atgInventory, 7)
	wantNoAllocations(t, "atg", atgInventory)
}

func FuzzATG(f *testing.F) { fuzzTalks(f, "atg", atgInventory) }

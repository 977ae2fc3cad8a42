// SPDX-License-Identifier: Apache-2.0

// Package soak holds tests of weir as a whole that take long: it is killed, stopped, starved and flooded while a
// gateway forwards numbered datagrams, and none of them may be lost by it. go test runs a short form of each;
// scripts/soak the full one.
package soak

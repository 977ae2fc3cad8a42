// SPDX-License-Identifier: Apache-2.0

// Package soak holds long tests of weir as a whole: they kill, stop, starve and flood it while a gateway forwards
// numbered datagrams, none of which may get lost because of weir. go test runs a short form of each; scripts/soak the
// full one.
package soak

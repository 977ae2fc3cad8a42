// SPDX-License-Identifier: Apache-2.0

//go:build race

package dissecttest

// RaceEnabled reports whether the race detector is on, which makes tests some ten times slower.
const RaceEnabled = true

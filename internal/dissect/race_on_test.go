// SPDX-License-Identifier: Apache-2.0

//go:build race

package dissect

const raceEnabled = true

// SPDX-License-Identifier: Apache-2.0

// Package oui embeds oui.bin, which go generate ./internal/oui writes from the IEEE's registry.
package oui

import _ "embed"

// Data is the table; internal/oui documents the format.
//
//go:embed oui.bin
var Data string

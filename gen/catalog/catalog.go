// SPDX-License-Identifier: Apache-2.0

// Package catalog embeds catalog.txt, which go generate ./internal/catalog writes from internal/catalog/data.
package catalog

import _ "embed"

// Text is the compact form of the data; internal/catalog explains it.
//
//go:embed catalog.txt
var Text string

// SPDX-License-Identifier: Apache-2.0

// Package catalog embeds catalog.txt, which go generate ./internal/catalog writes from internal/catalog/data.
package catalog

import _ "embed"

// Text is the catalog in compact form; internal/catalog documents the format.
//
//go:embed catalog.txt
var Text string

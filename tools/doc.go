// SPDX-License-Identifier: Apache-2.0

// Package tools pins the programs that build and check weir, apart from weir's
// own dependencies. They run from the main module's folder:
//
//	go tool -modfile=tools/go.mod staticcheck ./...
package tools

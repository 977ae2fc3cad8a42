// SPDX-License-Identifier: Apache-2.0

// Package nfpm pins the program that makes weir's packages, apart from the other tools: it has many modules.
package nfpm

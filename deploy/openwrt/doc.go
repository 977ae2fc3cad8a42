// SPDX-License-Identifier: Apache-2.0

// Package openwrt has what weir's package for OpenWrt adds: a procd script, which makes weir's settings of those of
// UCI, and their defaults. Its test runs the script.
package openwrt

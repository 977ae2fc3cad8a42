// SPDX-License-Identifier: Apache-2.0

// Package systemd has weir's units; its test measures how exposed their services are.
package systemd

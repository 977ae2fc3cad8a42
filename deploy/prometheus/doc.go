// SPDX-License-Identifier: Apache-2.0

// Package prometheus has alert rules on weir's metrics.
package prometheus

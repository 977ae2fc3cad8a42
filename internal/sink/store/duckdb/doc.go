// SPDX-License-Identifier: Apache-2.0

// Package duckdb is the store in one file: DuckDB, linked into the program. One writer stores reports, a transaction a
// call; readers see what was committed before they began.
//
// A flow is a row of flows. Each report that has the flow adds a row of intervals, with the properties that sums are
// grouped by, as the agent knew them then: so the sums of an interval are those of the report, and no later line
// changes them. Whole records count from the flow's begin; history.go says how they become intervals in any order of
// arrival.
package duckdb

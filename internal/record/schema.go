// SPDX-License-Identifier: Apache-2.0

package record

import _ "embed"

// Schema is the JSON Schema (2020-12) of AppendJSON's output; CSVHeader names the columns of CSV.
//
//go:embed schema.json
var Schema []byte

// EventSchema is the JSON Schema of event and stats records.
//
//go:embed event-schema.json
var EventSchema []byte

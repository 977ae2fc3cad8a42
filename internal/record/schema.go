// SPDX-License-Identifier: Apache-2.0

package record

import _ "embed"

// Schema is the JSON Schema (2020-12) of the flow record as AppendJSON writes it; CSVHeader says what CSV has of it.
//
//go:embed schema.json
var Schema []byte

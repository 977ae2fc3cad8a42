// SPDX-License-Identifier: Apache-2.0

package event

import (
	"strconv"

	"github.com/weirnet/weir/internal/record"
)

// object writes the members of a JSON object, without those that are empty.
type object struct{ b []byte }

func begin(b []byte) object { return object{append(b[:0], '{')} }

func (o *object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), `":`...)
}

func (o *object) string(name, value string) {
	if value != "" {
		o.name(name)
		o.b = record.AppendText(o.b, value)
	}
}

func (o *object) text(name string, value []byte) {
	if len(value) > 0 {
		o.name(name)
		o.b = record.AppendText(o.b, value)
	}
}

func (o *object) number(name string, n int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *object) positive(name string, n int64) {
	if n > 0 {
		o.number(name, n)
	}
}

func (o *object) flag(name string, is bool) {
	if is {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) end() []byte { return append(o.b, '}') }

// SPDX-License-Identifier: Apache-2.0

package filter

import "strings"

// String returns a filter's canonical form, from which Parse makes the same filter.
func String(e Expr) string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	write(&b, e, weakest)
	return b.String()
}

// How strongly a place binds: in a stronger one a weaker expression needs parentheses.
const (
	weakest = iota // anything
	ofOr           // between ORs
	ofAnd          // between ANDs
	ofNot          // after NOT
)

func write(b *strings.Builder, e Expr, place int) {
	switch e := e.(type) {
	case Compare:
		e.write(b)
	case Not:
		b.WriteString("NOT ")
		write(b, e.Term, ofNot)
	case And:
		writeList(b, e, " AND ", ofAnd, place)
	case Or:
		writeList(b, e, " OR ", ofOr, place)
	}
}

func writeList(b *strings.Builder, list []Expr, between string, kind, place int) {
	if len(list) == 1 {
		write(b, list[0], place)
		return
	}
	if place > kind {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, e := range list {
		if i > 0 {
			b.WriteString(between)
		}
		write(b, e, kind)
	}
}

func (c Compare) write(b *strings.Builder) {
	b.WriteString(string(c.Field))
	value := c.Value
	switch c.Op {
	case Equal:
		b.WriteByte(':')
	case NotEqual:
		b.WriteString("!=")
	case Greater:
		b.WriteByte('>')
	case Less:
		b.WriteByte('<')
	case Under:
		b.WriteByte(':')
		if c.Field == Host {
			value = "*." + value
		}
	}
	if !needsQuotes(value) {
		b.WriteString(value)
		return
	}
	b.WriteByte('"')
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	b.WriteByte('"')
}

func needsQuotes(value string) bool {
	if value == "" || isKeyword(value) {
		return true
	}
	for i := range len(value) {
		if endsWord(value[i]) {
			return true
		}
	}
	return false
}

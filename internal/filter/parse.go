// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a filter. MaxLength also bounds the canonical form, which Expr's String returns.
const (
	MaxLength = 1 << 10 // bytes
	MaxDepth  = 32      // nested parentheses and NOTs
	MaxTerms  = 64      // comparisons; a bare word is up to three
)

// Error is a mistake in a filter.
type Error struct {
	Position int    // characters before the mistake
	Message  string // what is wrong, and what is expected
}

func (e *Error) Error() string {
	return fmt.Sprintf("filter, character %d: %s", e.Position+1, e.Message)
}

// Parse returns the filter that text describes, nil for an empty one. Its errors are of type *Error.
func Parse(text string) (Expr, error) {
	if len(text) > MaxLength {
		return nil, &Error{0, fmt.Sprintf("the filter has %d bytes, %d are allowed", len(text), MaxLength)}
	}
	p := parser{text: text}
	if err := p.checkCharacters(); err != nil {
		return nil, err
	}
	p.skipSpace()
	if p.at == len(text) {
		return nil, nil
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.at < len(text) { // only a parenthesis ends an or
		return nil, p.errorf(p.at, "this ) has no (")
	}
	if n := len(String(e)); n > MaxLength {
		return nil, p.errorf(0, "the filter has %d bytes in its canonical form, %d are allowed", n, MaxLength)
	}
	return e, nil
}

// parser reads text from at on. Its methods leave at behind the space that follows what they read.
type parser struct {
	text         string
	at           int
	depth, terms int
}

// errorf returns an error at a byte of the text.
func (p *parser) errorf(at int, format string, args ...any) error {
	return &Error{utf8.RuneCountInString(p.text[:at]), fmt.Sprintf(format, args...)}
}

func (p *parser) checkCharacters() error {
	for i, r := range p.text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(p.text[i:]); n == 1 {
				return p.errorf(i, "this is not UTF-8")
			}
		}
		if unicode.IsControl(r) && !isSpace(r) {
			return p.errorf(i, "control characters are not allowed")
		}
	}
	return nil
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func (p *parser) skipSpace() {
	for p.at < len(p.text) && isSpace(rune(p.text[p.at])) {
		p.at++
	}
}

// or reads terms between ORs.
func (p *parser) or() (Expr, error) {
	return p.list("OR", p.and, func(list []Expr) Expr { return Or(list) }, func(e Expr) []Expr {
		inner, _ := e.(Or)
		return inner
	})
}

// and reads terms between ANDs, or with nothing between them.
func (p *parser) and() (Expr, error) {
	return p.list("AND", p.not, func(list []Expr) Expr { return And(list) }, func(e Expr) []Expr {
		inner, _ := e.(And)
		return inner
	})
}

// list reads terms with word between them. of makes the list of them; a list of its kind among them becomes part of it.
func (p *parser) list(word string, term func() (Expr, error), of func([]Expr) Expr,
	parts func(Expr) []Expr) (Expr, error) {
	var list []Expr
	for {
		e, err := term()
		if err != nil {
			return nil, err
		}
		if inner := parts(e); inner != nil {
			list = append(list, inner...)
		} else {
			list = append(list, e)
		}
		if !p.keyword(word) && (word == "OR" || p.isAtEnd() || p.peekKeyword() == "OR") {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return of(list), nil
}

// isAtEnd reports whether the text, or the part in parentheses, ends here.
func (p *parser) isAtEnd() bool { return p.at == len(p.text) || p.text[p.at] == ')' }

func (p *parser) not() (Expr, error) {
	start := p.at
	switch {
	case p.at == len(p.text):
		return nil, p.errorf(p.at, "the filter ends where a term is expected, such as app:youtube")
	case p.text[p.at] == ')':
		return nil, p.errorf(p.at, "a term is expected before this ), such as app:youtube")
	case p.keyword("NOT"):
		e, err := p.nested(start, p.not)
		if err != nil {
			return nil, err
		}
		return Not{e}, nil
	case p.text[p.at] == '(':
		p.at++
		p.skipSpace()
		e, err := p.nested(start, p.or)
		if err != nil {
			return nil, err
		}
		if p.at == len(p.text) {
			return nil, p.errorf(start, "this ( has no )")
		}
		p.at++
		p.skipSpace()
		return e, nil
	}
	if word := p.peekKeyword(); word != "" {
		return nil, p.errorf(p.at, "a term is expected before %s, such as app:youtube; to search the word, quote it",
			word)
	}
	return p.term()
}

// nested reads what is a level deeper.
func (p *parser) nested(start int, read func() (Expr, error)) (Expr, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.errorf(start, "parentheses and NOTs nest deeper than %d", MaxDepth)
	}
	defer func() { p.depth-- }()
	return read()
}

// term reads a comparison or a bare word.
func (p *parser) term() (Expr, error) {
	start := p.at
	if p.text[p.at] != '"' {
		word := p.word()
		if isAddressLike(word) { // a MAC or IPv6 address has colons, too
			p.skipSpace()
			return p.bare(start, word)
		}
		p.at = start
	}
	name := p.letters()
	afterName := p.at
	if name != "" {
		p.skipSpace()
	}
	op, symbol, ok := p.operator()
	if !ok {
		p.at = start
		return p.bareTerm(start)
	}
	of, err := p.field(start, name, symbol)
	if err != nil {
		return nil, err
	}
	if (op == Greater || op == Less) && !isNumeric(of) {
		return nil, p.errorf(afterName, "%s takes : = or !=; > and < are for %s", of,
			names(func(f *field) bool { return f.isNumeric }))
	}
	p.skipSpace()
	at := p.at
	value, isQuoted, err := p.value()
	if err != nil {
		return nil, err
	}
	if !isQuoted && (value == "" || isKeyword(value)) {
		return nil, p.errorf(at, "a value is expected after %s%s: %s", of, symbol, expected(of))
	}
	if err := p.count(start, 1); err != nil {
		return nil, err
	}
	e, ok := compare(of, op, value)
	if !ok {
		return nil, p.errorf(at, "%s expects %s", of, expected(of))
	}
	return p.implied(start, e)
}

// field returns the field of a name, which an operator follows.
func (p *parser) field(start int, name, symbol string) (Field, error) {
	if name == "" {
		return "", p.errorf(start, "a field is expected before %s: %s", symbol, names(nil))
	}
	f, ok := FieldOf(name)
	if !ok {
		return "", p.errorf(start, "there is no field %s%s; fields are %s", name, nearest(name), names(nil))
	}
	return f, nil
}

func (p *parser) bareTerm(start int) (Expr, error) {
	word, _, err := p.value()
	if err != nil {
		return nil, err
	}
	return p.bare(start, word)
}

func (p *parser) bare(start int, word string) (Expr, error) {
	e := search(word)
	if e == nil {
		return nil, p.errorf(start, "this is no name or address to search for")
	}
	n := 1
	if or, ok := e.(Or); ok {
		n = len(or)
	}
	if err := p.count(start, n); err != nil {
		return nil, err
	}
	return p.implied(start, e)
}

// implied counts the level that the canonical form of a term adds: parentheses or a NOT.
func (p *parser) implied(start int, e Expr) (Expr, error) {
	if _, ok := e.(Compare); ok {
		return e, nil
	}
	return p.nested(start, func() (Expr, error) { return e, nil })
}

func (p *parser) count(start, n int) error {
	if p.terms += n; p.terms > MaxTerms {
		return p.errorf(start, "more than %d comparisons; a bare word is up to 3", MaxTerms)
	}
	return nil
}

// letters reads a possible field name.
func (p *parser) letters() string {
	start := p.at
	for p.at < len(p.text) && (isLetter(p.text[p.at]) || p.text[p.at] == '_') {
		p.at++
	}
	return p.text[start:p.at]
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (p *parser) operator() (op Op, symbol string, ok bool) {
	rest := p.text[p.at:]
	for _, o := range [...]struct {
		symbol string
		op     Op
	}{{"!=", NotEqual}, {":", Equal}, {"=", Equal}, {">", Greater}, {"<", Less}} {
		if strings.HasPrefix(rest, o.symbol) {
			p.at += len(o.symbol)
			return o.op, o.symbol, true
		}
	}
	return 0, "", false
}

// value reads a quoted text or a word.
func (p *parser) value() (value string, isQuoted bool, err error) {
	defer p.skipSpace()
	if p.at == len(p.text) || p.text[p.at] != '"' {
		return p.word(), false, nil
	}
	start := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case '"':
			p.at++
			return b.String(), true, nil
		case '\\':
			if p.at++; p.at == len(p.text) || p.text[p.at] != '"' && p.text[p.at] != '\\' {
				return "", false, p.errorf(p.at-1, `in quotes \ is written before " and \ only`)
			}
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", false, p.errorf(start, "this quote does not end")
}

// word reads up to a space, parenthesis or quote.
func (p *parser) word() string {
	start := p.at
	for p.at < len(p.text) && !endsWord(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

func endsWord(c byte) bool { return isSpace(rune(c)) || c == '(' || c == ')' || c == '"' }

var keywords = [...]string{"AND", "OR", "NOT"}

func isKeyword(word string) bool {
	for _, k := range keywords {
		if strings.EqualFold(word, k) {
			return true
		}
	}
	return false
}

// peekKeyword returns the keyword that follows, or "".
func (p *parser) peekKeyword() string {
	at := p.at
	word := p.word()
	p.at = at
	if !isKeyword(word) {
		return ""
	}
	return strings.ToUpper(word)
}

// keyword reads this keyword if it follows.
func (p *parser) keyword(word string) bool {
	if p.peekKeyword() != word {
		return false
	}
	p.at += len(word)
	p.skipSpace()
	return true
}

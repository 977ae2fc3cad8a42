// SPDX-License-Identifier: Apache-2.0

// The filter language, as internal/filter of the sink has it; both run internal/filter/testdata/cases.json.

import * as value from './value';

export type Op = ':' | '!=' | '>' | '<' | 'under';
export type Compare = { field: string; op: Op; value: string };
export type Expr = { and: Expr[] } | { or: Expr[] } | { not: Expr } | Compare;

// The limits of a filter, in its text and in its canonical form.
const maxLength = 1 << 10; // bytes of UTF-8
const maxDepth = 32;
const maxTerms = 64;

// FilterError is a mistake; position is the number of characters before it.
export class FilterError extends Error {
  constructor(
    readonly position: number,
    message: string,
  ) {
    super(message);
  }
}

// parse returns the filter that text describes, undefined for an empty one.
export function parse(text: string): Expr | undefined {
  const length = value.utf8Length(text);
  if (length > maxLength) throw new FilterError(0, `the filter has ${length} bytes, ${maxLength} are allowed`);
  const p = new Parser(text);
  p.checkCharacters();
  p.skipSpace();
  if (p.at === text.length) return undefined;
  const e = p.or();
  if (p.at < text.length) throw p.error(p.at, 'this ) has no (');
  const n = value.utf8Length(print(e));
  if (n > maxLength) {
    throw p.error(0, `the filter has ${n} bytes in its canonical form, ${maxLength} are allowed`);
  }
  return e;
}

const isSpace = (c: string) => c === ' ' || c === '\t' || c === '\n' || c === '\r';
const endsWord = (c: string) => isSpace(c) || c === '(' || c === ')' || c === '"';
const isKeyword = (word: string) => /^(and|or|not)$/i.test(word);

const operators: [symbol: string, op: Op][] = [['!=', '!='], [':', ':'], ['=', ':'], ['>', '>'], ['<', '<']];

// Parser reads text from at on. Its methods leave at behind the space that follows what they read.
class Parser {
  at = 0;
  private depth = 0;
  private terms = 0;

  constructor(private readonly text: string) {}

  error(at: number, message: string): FilterError {
    return new FilterError([...this.text.slice(0, at)].length, message);
  }

  checkCharacters() {
    let at = 0;
    for (const c of this.text) {
      const code = c.codePointAt(0) ?? 0;
      if (code >= 0xd800 && code <= 0xdfff) throw this.error(at, 'this is not UTF-8');
      const isControl = code < 0x20 || (code >= 0x7f && code <= 0x9f);
      if (isControl && !isSpace(c)) throw this.error(at, 'control characters are not allowed');
      at += c.length;
    }
  }

  skipSpace() {
    while (isSpace(this.peek())) this.at++;
  }

  private peek(): string {
    return this.text[this.at] ?? '';
  }

  or(): Expr {
    return this.list('OR', () => this.and(), (or) => ({ or }), (e) => ('or' in e ? e.or : undefined));
  }

  private and(): Expr {
    return this.list('AND', () => this.not(), (and) => ({ and }), (e) => ('and' in e ? e.and : undefined));
  }

  // list reads terms with word between them. A list of the same kind among them becomes part of it.
  private list(
    word: string,
    term: () => Expr,
    of: (list: Expr[]) => Expr,
    parts: (e: Expr) => Expr[] | undefined,
  ): Expr {
    const list: Expr[] = [];
    for (;;) {
      const e = term();
      list.push(...(parts(e) ?? [e]));
      if (!this.keyword(word) && (word === 'OR' || this.isAtEnd() || this.peekKeyword() === 'OR')) break;
    }
    return list.length === 1 && list[0] ? list[0] : of(list);
  }

  private isAtEnd(): boolean {
    return this.at === this.text.length || this.peek() === ')';
  }

  private not(): Expr {
    const start = this.at;
    if (start === this.text.length) {
      throw this.error(start, 'the filter ends where a term is expected, such as app:youtube');
    }
    if (this.peek() === ')') throw this.error(start, 'a term is expected before this ), such as app:youtube');
    if (this.keyword('NOT')) return { not: this.nested(start, () => this.not()) };
    if (this.peek() === '(') {
      this.at++;
      this.skipSpace();
      const e = this.nested(start, () => this.or());
      if (this.at === this.text.length) throw this.error(start, 'this ( has no )');
      this.at++;
      this.skipSpace();
      return e;
    }
    const word = this.peekKeyword();
    if (word !== '') {
      throw this.error(
        start,
        `a term is expected before ${word}, such as app:youtube; to search the word, quote it`,
      );
    }
    return this.term();
  }

  private nested(start: number, read: () => Expr): Expr {
    this.depth++;
    if (this.depth > maxDepth) throw this.error(start, `parentheses and NOTs nest deeper than ${maxDepth}`);
    const e = read();
    this.depth--;
    return e;
  }

  // term reads a comparison or a bare word.
  private term(): Expr {
    const start = this.at;
    if (this.peek() !== '"') {
      const word = this.word();
      if (value.isAddressLike(word)) {
        this.skipSpace(); // a MAC or IPv6 address has colons, too
        return this.bare(start, word);
      }
      this.at = start;
    }
    const name = this.letters();
    const afterName = this.at;
    if (name !== '') this.skipSpace();
    const found = operators.find(([symbol]) => this.text.startsWith(symbol, this.at));
    if (!found) {
      this.at = start;
      return this.bare(start, this.value()[0]);
    }
    const [symbol, op] = found;
    this.at += symbol.length;
    if (name === '') throw this.error(start, `a field is expected before ${symbol}: ${value.fieldNames()}`);
    const field = value.fieldOf(name);
    if (!field) {
      throw this.error(start, `there is no field ${name}${value.nearest(name)}; fields are ${value.fieldNames()}`);
    }
    if ((op === '>' || op === '<') && !field.isNumeric) {
      throw this.error(afterName, `${field.name} takes : = or !=; > and < are for ${value.numericNames()}`);
    }
    this.skipSpace();
    const at = this.at;
    const [text, isQuoted] = this.value();
    if (!isQuoted && (text === '' || isKeyword(text))) {
      throw this.error(at, `a value is expected after ${field.name}${symbol}: ${field.expected}`);
    }
    this.count(start, 1);
    const e = compare(field, op, text);
    if (!e) throw this.error(at, `${field.name} expects ${field.expected}`);
    return this.implied(start, e);
  }

  private bare(start: number, word: string): Expr {
    const e = search(word);
    if (!e) throw this.error(start, 'this is no name or address to search for');
    this.count(start, 'or' in e ? e.or.length : 1);
    return this.implied(start, e);
  }

  // implied counts the NOT or the parentheses that the canonical form of a term writes.
  private implied(start: number, e: Expr): Expr {
    return 'field' in e ? e : this.nested(start, () => e);
  }

  private count(start: number, n: number) {
    this.terms += n;
    if (this.terms > maxTerms) {
      throw this.error(start, `more than ${maxTerms} comparisons; a bare word is up to 3`);
    }
  }

  // letters reads a possible field name.
  private letters(): string {
    const start = this.at;
    while (/^[a-z_]$/i.test(this.peek())) this.at++;
    return this.text.slice(start, this.at);
  }

  // value reads a quoted text or a word.
  private value(): [value: string, isQuoted: boolean] {
    if (this.peek() !== '"') {
      const word = this.word();
      this.skipSpace();
      return [word, false];
    }
    const start = this.at;
    let text = '';
    for (this.at++; this.at < this.text.length; this.at++) {
      const c = this.peek();
      if (c === '"') {
        this.at++;
        this.skipSpace();
        return [text, true];
      }
      if (c === '\\') {
        this.at++;
        if (this.peek() !== '"' && this.peek() !== '\\') {
          throw this.error(this.at - 1, 'in quotes \\ is written before " and \\ only');
        }
      }
      text += this.peek();
    }
    throw this.error(start, 'this quote does not end');
  }

  // word reads up to a space, parenthesis or quote.
  private word(): string {
    const start = this.at;
    while (this.at < this.text.length && !endsWord(this.peek())) this.at++;
    return this.text.slice(start, this.at);
  }

  private peekKeyword(): string {
    const at = this.at;
    const word = this.word();
    this.at = at;
    return isKeyword(word) ? word.toUpperCase() : '';
  }

  private keyword(word: string): boolean {
    if (this.peekKeyword() !== word) return false;
    this.at += word.length;
    this.skipSpace();
    return true;
  }
}

function compare(field: value.Field, op: Op, text: string): Expr | undefined {
  const canonical = field.canonical(text);
  if (canonical === undefined) return undefined;
  let under = canonical;
  let isUnder = false;
  if (field.name === 'host' && canonical.startsWith('*.')) {
    under = canonical.slice(2);
    isUnder = true;
  } else if (field.name === 'ip') isUnder = canonical.includes('/');
  if (!isUnder) return { field: field.name, op, value: canonical };
  const e: Compare = { field: field.name, op: 'under', value: under };
  return op === '!=' ? { not: e } : e;
}

// search returns what a bare word searches: an address, or an application, host or device of that name.
function search(word: string): Expr | undefined {
  const by = (name: string, text: string) => {
    const field = value.fieldOf(name);
    return field && compare(field, ':', text);
  };
  const address = by('ip', word);
  if (address) return address;
  if (value.mac(word) !== undefined) return by('device', word);
  if (word === '') return undefined;
  if (word.startsWith('@')) return by('device', word);
  const or = [
    by('app', word),
    by('host', `*.${word.startsWith('*.') ? word.slice(2) : word}`),
    word.startsWith('*.') ? undefined : by('device', `@${word}`),
  ].filter((e) => e !== undefined);
  return or.length > 1 ? { or } : or[0];
}

// How strongly a place binds: in a stronger one a weaker expression needs parentheses.
const weakest = 0;
const ofOr = 1;
const ofAnd = 2;
const ofNot = 3;

// print returns a filter's canonical form, from which parse makes the same filter.
export function print(e: Expr | undefined, place = weakest): string {
  if (e === undefined) return '';
  if ('not' in e) return `NOT ${print(e.not, ofNot)}`;
  if ('and' in e) return printList(e.and, ' AND ', ofAnd, place);
  if ('or' in e) return printList(e.or, ' OR ', ofOr, place);
  const text = e.op === 'under' && e.field === 'host' ? `*.${e.value}` : e.value;
  return e.field + (e.op === 'under' ? ':' : e.op) + quote(text);
}

function printList(list: Expr[], between: string, kind: number, place: number): string {
  if (list.length === 1) return print(list[0], place);
  const text = list.map((e) => print(e, kind)).join(between);
  return place > kind ? `(${text})` : text;
}

// quote writes a value as it stands in a filter.
export function quote(text: string): string {
  const isPlain = text !== '' && !isKeyword(text) && ![...text].some(endsWord);
  return isPlain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

// terms are the parts of a filter that all have to match.
export function terms(e: Expr | undefined): Expr[] {
  if (e === undefined) return [];
  return 'and' in e ? e.and : [e];
}

// withTerm is a filter that also asks for a field's value, or excludes it. One that had excluded it is freed of that.
export function withTerm(filter: string, field: string, text: string, exclude: boolean): string {
  const term = `${field}${exclude ? '!=' : ':'}${quote(text)}`;
  try {
    const opposite = print(parse(`${field}${exclude ? ':' : '!='}${quote(text)}`));
    const added = print(parse(term));
    const kept = terms(parse(filter)).filter((e) => print(e) !== opposite);
    if (kept.some((e) => print(e) === added)) return filter;
    return print({ and: [...kept, ...terms(parse(term))] });
  } catch {
    return term; // what was there before is no filter
  }
}

// withoutTerm is a filter without its nth part.
export function withoutTerm(filter: string, n: number): string {
  const kept = terms(parse(filter)).filter((_, i) => i !== n);
  return kept.length ? print({ and: kept }) : '';
}

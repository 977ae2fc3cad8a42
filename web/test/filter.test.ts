// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FilterError, parse, print, withoutTerm, withTerm } from '../src/filter';

type Case = { in: string; out?: string; error?: number };

// npm runs tests in the folder of package.json.
const cases = JSON.parse(readFileSync('../internal/filter/testdata/cases.json', 'utf8')) as Case[];

test('the cases that the parser in Go runs too', () => {
  assert.ok(cases.length >= 150, `${cases.length} cases`);
  const wrong: string[] = [];
  for (const c of cases) {
    const got: Case = { in: c.in };
    try {
      got.out = print(parse(c.in));
    } catch (e) {
      if (!(e instanceof FilterError)) throw e;
      got.error = e.position;
    }
    if (got.out !== c.out || got.error !== c.error) wrong.push(`${JSON.stringify(c)}, got ${JSON.stringify(got)}`);
  }
  assert.deepEqual(wrong, []);
});

test('the canonical form is its own canonical form', () => {
  for (const c of cases) {
    if (c.out === undefined) continue;
    assert.equal(print(parse(c.out)), c.out);
    assert.deepEqual(parse(c.out), parse(c.in), c.in);
  }
});

test('every beginning of a case is a filter or a mistake within it', () => {
  for (const c of cases) {
    for (let n = 0; n < Math.min(c.in.length, 80); n++) {
      try {
        parse(c.in.slice(0, n));
      } catch (e) {
        assert.ok(e instanceof FilterError && e.position <= n, `${c.in.slice(0, n)}: ${String(e)}`);
      }
    }
  }
});

test('a click adds a term, Alt-click its opposite', () => {
  assert.equal(withTerm('', 'app', 'youtube', false), 'app:youtube');
  assert.equal(withTerm('port:443', 'app', 'youtube', true), 'port:443 AND app!=youtube');
  assert.equal(withTerm('app:youtube', 'app', 'youtube', false), 'app:youtube');
  assert.equal(withTerm('app!=youtube AND port:80', 'app', 'youtube', false), 'port:80 AND app:youtube');
  assert.equal(withTerm('app:a OR app:b', 'port', '443', false), '(app:a OR app:b) AND port:443');
  assert.equal(withTerm('app:', 'port', '443', false), 'port:443');
  assert.equal(withTerm('', 'app', '', false), 'app:""');
  assert.equal(withTerm('', 'host', 'a"b\\c', false), 'host:"a\\"b\\\\c"');
});

test('a part can be taken out', () => {
  assert.equal(withoutTerm('app:a AND (port:1 OR port:2)', 0), 'port:1 OR port:2');
  assert.equal(withoutTerm('app:a', 0), '');
});

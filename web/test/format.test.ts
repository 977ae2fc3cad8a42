// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, bits, bytes, count, duration } from '../src/format';

test('figures have three digits at most', () => {
  const wanted: [number, string][] = [
    [0, '0 B'], [999, '999 B'], [1000, '1.00 kB'], [9994, '9.99 kB'], [9996, '10.0 kB'], [99_960, '100 kB'],
    [999_499, '999 kB'], [999_500, '1.00 MB'], [1.5e12, '1.50 TB'], [5e19, '50.0 EB'],
  ];
  for (const [n, text] of wanted) assert.equal(bytes(n), text, String(n));
  assert.equal(bits(41_200_000), '41.2 Mb/s');
  assert.equal(count(9_999), '9999');
  assert.equal(count(18_204), '18.2k');
});

test('durations', () => {
  const wanted: [number, string][] = [
    [0.25, '250 ms'], [3.21, '3.2 s'], [65, '65 s'], [600, '10 min'], [7200, '2 h'], [400_000, '5 d'], [NaN, '–'], [-4, '0 ms'],
  ];
  for (const [s, text] of wanted) assert.equal(duration(s), text, String(s));
  assert.equal(ago(1000, 3000), 'now');
  assert.equal(ago(0, 60_000), '60 s ago');
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kept, partOf, partsOf } from '../src/rows';

test('all rows in sight are drawn, and few others', () => {
  for (const count of [0, 1, 7, 50, 100, 10_000]) {
    for (const rowHeight of [20, 37, 53, 190.5]) {
      for (let top = 300; top > -(count + 30) * rowHeight; top -= 61 + count / 3) {
        const { first, end } = partOf(count, top, rowHeight, 900);
        const said = `${count} rows of ${rowHeight}, the top at ${top}: ${first} to ${end}`;
        assert.ok(first >= 0 && first <= end && end <= count, said);
        assert.ok(end > first || count === 0, said);
        assert.ok(end - first <= 900 / rowHeight + 45, said);
        const [from, to] = [Math.floor(-top / rowHeight), Math.ceil((900 - top) / rowHeight)];
        assert.ok(first <= Math.max(from, 0) && end >= Math.min(to, count), said);
      }
    }
  }
});

test('a row elsewhere is drawn too', () => {
  const part = { first: 40, end: 80 };
  assert.deepEqual(partsOf(part, -1), [part]);
  assert.deepEqual(partsOf(part, 40), [part]);
  assert.deepEqual(partsOf(part, 3), [{ first: 3, end: 4 }, part]);
  assert.deepEqual(partsOf(part, 80), [part, { first: 80, end: 81 }]);
});

test('what is read is found again', () => {
  const now = new Map(['new', 'a', 'c', 'd'].map((key, i) => [key, i]));
  assert.deepEqual(kept(['a', 'b', 'c', 'd'], 0, now), [0, 1]);
  assert.deepEqual(kept(['a', 'b', 'c', 'd'], 1, now), [2, 2], 'of one that is gone, the next below');
  assert.equal(kept(['a', 'b'], 1, now), null);
  assert.equal(kept([], 0, now), null);
});

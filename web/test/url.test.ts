// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { move, read, spans, stepOf, write, type View } from '../src/url';

const at = (address: string) => read(new URL(address, 'http://127.0.0.1'));

test('a view survives its address', () => {
  const views: View[] = [
    { page: 'overview', span: { last: '1h' }, filter: '', by: 'app', sort: '', flow: '' },
    { page: 'flows', span: { last: '7d' }, filter: 'app:youtube AND host:"a b&c=d#é%2F+"', by: 'host', sort: 'up',
      flow: 'aa/bb' },
    { page: 'devices', span: { from: 1700000000, to: 1700003600 }, filter: '(port>1 OR NOT ip:10.0.0.0/8)', by: 'net',
      sort: '', flow: '' },
  ];
  for (const v of views) assert.deepEqual(at(write(v)), v, write(v));
  assert.equal(write(views[0] as View), '/');
});

test('an address that says nothing sensible is the default view', () => {
  const nothing = at('/');
  for (const address of ['/nowhere', '/?t=9y', '/?t=5-4', '/?t=-', '/?by=toString', '/?t=constructor', '/?by=']) {
    assert.deepEqual(at(address), nothing, address);
  }
});

test('earlier and later', () => {
  const now = 1_700_000_000;
  const earlier = move({ last: '1h' }, -1, now);
  assert.deepEqual(earlier, { from: 1_700_000_000 - 5400, to: 1_700_000_000 - 1800 });
  assert.deepEqual(move(earlier, 1, now), { last: '1h' });
  assert.deepEqual(move(earlier, 1, now + 60), { last: '1h' });
  assert.deepEqual(move(earlier, 1, now + 600), { from: now - 3600, to: now });
  assert.deepEqual(move({ from: 1_000, to: 1_100 }, 1, now), { from: 1_050, to: 1_150 });
});

test('a course has neither many points nor few', () => {
  for (const [last, { seconds }] of Object.entries(spans)) {
    const [, number = '', unit = ''] = /^(\d+)([smhd])$/.exec(stepOf({ last }, 150)) ?? [];
    const points = seconds / (Number(number) * { s: 1, m: 60, h: 3600, d: 86400 }[unit as 's' | 'm' | 'h' | 'd']);
    assert.ok(points >= 60 && points <= 150, `${last}: ${points}`);
  }
  assert.equal(stepOf({ from: 0, to: 20 }, 150), '15s');
  assert.equal(stepOf({ from: 0, to: 90 * 86400 }, 60), '1d');
});

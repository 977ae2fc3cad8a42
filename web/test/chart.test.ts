// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stack } from '../src/chart';

const series = (seconds: number, up: number[]) => ({
  from: '2026-11-30T12:00:00Z',
  to: new Date(Date.parse('2026-11-30T12:00:00Z') + seconds * 1000).toISOString(),
  start: '2026-11-30T12:00:00Z',
  step_s: 60,
  series: [{ key: 'a', up_bytes: up, down_bytes: up.map(() => 0) }],
});
const rates = (seconds: number, up: number[], lateMS = 0) => stack(series(seconds, up), 'both', lateMS).lines[0]?.rates;

test('a step that is over has its whole length', () => {
  assert.deepEqual(rates(120, [600, 1200]), [80, 160]);
});

test('the last step counts for as long as it has lasted', () => {
  assert.deepEqual(rates(150, [600, 1200, 600]), [80, 160, 160]);
  assert.deepEqual(rates(125, [600, 1200, 10]), [80, 160], 'too short to tell');
  assert.deepEqual(rates(5, [50]), [80], 'but it is all there is');
});

test('reports on their way are waited for', () => {
  assert.deepEqual(rates(120, [600, 1200], 15_000), [80]);
  assert.deepEqual(rates(135, [600, 1200, 7], 15_000), [80, 160]);
  assert.deepEqual(rates(200, [600, 1200, 1200, 7], 15_000), [80, 160, 160]);
});

test('up, down and both', () => {
  const s = series(60, [600]);
  s.series[0]!.down_bytes = [1200];
  const rate = (direction: 'up' | 'down' | 'both') => stack(s, direction).lines[0]?.rates[0];
  assert.deepEqual([rate('up'), rate('down'), rate('both')], [80, 160, 240]);
});

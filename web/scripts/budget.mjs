// SPDX-License-Identifier: Apache-2.0

// Holds the built page against its budget: kilobytes after gzip, of what a first visit loads and of all.

import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dist = new URL('../../internal/sink/portal/dist/', import.meta.url);
const limits = { 'JavaScript of a first visit': 60, 'JavaScript, all': 180, CSS: 15 };

const files = readdirSync(new URL('assets/', dist)).sort();
const size = (name) => gzipSync(readFileSync(new URL(`assets/${name}`, dist)), { level: 9 }).length / 1000;
const sum = (names) => names.reduce((total, name) => total + size(name), 0);
const js = files.filter((name) => name.endsWith('.js'));
const css = files.filter((name) => name.endsWith('.css'));

// A first visit is the overview, which draws the chart too: all that index.html names, and what that imports.
const loaded = new Set();
const load = (text) => {
  for (const name of js) {
    if (loaded.has(name) || !text.includes(name)) continue;
    loaded.add(name);
    load(readFileSync(new URL(`assets/${name}`, dist), 'utf8'));
  }
};
load(readFileSync(new URL('index.html', dist), 'utf8'));

const measured = {
  'JavaScript of a first visit': sum([...loaded]),
  'JavaScript, all': sum(js),
  CSS: sum(css),
};
let failed = loaded.size === 0 || css.length === 0;
for (const [what, limit] of Object.entries(limits)) {
  const kB = measured[what];
  console.log(`${what}: ${kB.toFixed(1)} kB of ${limit}`);
  if (kB > limit) failed = true;
}
if (failed) {
  console.error('budget: exceeded, or nothing was built');
  process.exit(1);
}

// SPDX-License-Identifier: Apache-2.0

// Measures how soon the overview of a real sink is there, with a day of made flows in its store:
// node web/scripts/speed.mjs FILL WEIR-SINK [LOADS]. Each load is a first visit: nothing of the page is in a cache.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { browse, patience } from '../e2e/browser.mjs';

const [fill, program, loads = '20'] = process.argv.slice(2);
if (!program) throw new Error('usage: node web/scripts/speed.mjs FILL WEIR-SINK [LOADS]');

// watch has the page note when its first picture came, and when all of the overview was drawn and could be used.
function watch() {
  const isDrawn = () =>
    document.querySelector('.plot canvas') &&
    document.querySelectorAll('.top li .term').length > 3 &&
    document.querySelector('.newest li') &&
    !document.querySelector('.skeleton') &&
    [...document.querySelectorAll('.card .figure')].every((figure) => !figure.textContent.includes('–'));
  globalThis.interactive = new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (!isDrawn()) return;
      observer.disconnect();
      // The task after the next frame: it is on the screen, and nothing keeps a click waiting.
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    });
    observer.observe(document, { subtree: true, childList: true, characterData: true });
  });
}

async function load(browser, origin, session) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, storageState: session });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.addInitScript(watch);
  await page.goto(origin);
  const times = await page.evaluate(async () => ({
    interactive: await globalThis.interactive,
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
  }));
  await context.close();
  return times;
}

function told(what, times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.ceil(share * sorted.length) - 1]);
  console.log(`${what.padEnd(24)} median ${String(at(0.5)).padStart(4)} ms   p95 ${String(at(0.95)).padStart(4)} ms`);
}

const data = mkdtempSync(join(tmpdir(), 'weir-page-'));
process.on('exit', () => rmSync(data, { recursive: true, force: true }));
console.log(execFileSync(fill, [data], { encoding: 'utf8' }).trim());
const sink = spawn(program, ['serve', '--data', data, '--listen', '127.0.0.1:0', '--portal', '127.0.0.1:0'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
let browser;
try {
  let link = '';
  for await (const line of createInterface(sink.stdout)) {
    [, link = ''] = /^page, once: (\S+)$/.exec(line) ?? [];
    if (link) break;
  }
  if (!link) throw new Error('the sink ended');
  browser = await browse();
  const context = await browser.newContext();
  await (await context.newPage()).goto(link);
  const session = await context.storageState();
  await context.close();
  const { origin } = new URL(link);
  const times = [];
  for (let i = 0; i <= Number(loads); i++) times.push(await load(browser, origin, session));
  times.shift(); // the browser's and the sink's own first
  told('overview, first paint', times.map((t) => t.paint));
  told('overview, interactive', times.map((t) => t.interactive));
} finally {
  await browser?.close();
  sink.kill();
  if (sink.exitCode === null) await once(sink, 'exit');
}

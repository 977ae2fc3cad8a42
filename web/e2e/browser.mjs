// SPDX-License-Identifier: Apache-2.0

// A browser on a page with made-up data, and what every visit has to hold.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const axe = readFileSync(fileURLToPath(new URL('../node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');

// A loaded machine is slow; what does not come in this time will not come.
export const patience = 30_000;

function chromiumPath() {
  const paths = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const found = paths.find((path) => path && existsSync(path));
  if (!found) throw new Error('no Chromium: install the package chromium, or set CHROMIUM to its path');
  return found;
}

// browse starts a browser.
export function browse() {
  return chromium.launch({
    executablePath: chromiumPath(),
    // Chromium's sandbox needs user namespaces, which root in a container may not have; the page is our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

// start builds and starts the program that serves the page, and a browser.
export async function start() {
  const program = `${root}web/out/fixture`;
  const built = spawnSync('go', ['build', '-o', program, './internal/sink/portal/fixture'], {
    cwd: root,
    stdio: 'inherit',
  });
  assert.equal(built.status, 0, 'go build');
  const server = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = await once(createInterface(server.stdout), 'line');
  const browser = await browse();
  const stop = async () => {
    await browser.close();
    server.kill();
  };
  return { url, browser, stop };
}

// visit opens a page of the sink in a window of its own, and runs what is done there. Whatever that is, the page asks no
// other host, breaks no rule of its policy, throws nothing, and has the console say nothing but what expected matches.
export async function visit({ url, browser }, path, options, run) {
  const { expected = /^$/, ...window } = options;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...window,
  });
  const wrong = [];
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.on('request', (r) => {
    if (!r.url().startsWith(`${url}/`)) wrong.push(`request of ${r.url()}`);
  });
  page.on('pageerror', (e) => wrong.push(`thrown: ${e.message}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && !expected.test(m.text())) wrong.push(m.text());
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (e) =>
      globalThis.violations.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample}`),
    );
  });
  try {
    await page.goto(url + path);
    await run(page);
    wrong.push(...(await page.evaluate(() => globalThis.violations)));
    assert.deepEqual(wrong, []);
    assert.match(await page.title(), / – weir$/, 'a name ran as a script');
  } finally {
    await context.close();
  }
}

// look has axe search the page for what keeps people out.
export async function look(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  assert.ok(passes.length > 10, `axe looked at little: ${passes.length} rules`);
  const found = violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html}\n    ${n.failureSummary}`).join('\n  ')}`);
  assert.deepEqual(found, []);
}

// until waits for a condition on the page.
export async function until(what, check) {
  const end = Date.now() + patience;
  for (;;) {
    if (await check()) return;
    assert.ok(Date.now() < end, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

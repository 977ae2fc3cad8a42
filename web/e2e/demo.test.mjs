// SPDX-License-Identifier: Apache-2.0

// The page of a real sink: that of scripts/demo, on a gateway whose agent reports to it what real clients do.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { browse, look, root, until, visit } from './browser.mjs';

const folder = mkdtempSync(join(tmpdir(), 'weir-demo-test-')); // of the demo's files; its name is in its processes
let demo;
let site;
const said = [];

// The demo prints a link when its clients are done, and keeps the page open.
before(async () => {
  demo = spawn(`${root}scripts/demo`, [`${root}bin/weir`], {
    env: { ...process.env, KEEP: '1', NO_COLOR: '1', TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const link = await new Promise((resolve, reject) => {
    createInterface(demo.stdout).on('line', (line) => {
      said.push(line);
      const [, url] = /^The page stays open until Ctrl-C: (http\S+)$/.exec(line) ?? [];
      if (url) resolve(url);
    });
    demo.on('exit', (code) => reject(new Error(`the demo ended with ${code}:\n${said.slice(-40).join('\n')}`)));
  });
  const browser = await browse();
  // The link opens the page once; its session is for all tests.
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  site = { url: new URL(link).origin, browser, session: await context.storageState(), link };
  await context.close();
});

after(async () => {
  await site?.browser.close();
  demo.kill('SIGINT');
  if (demo.exitCode === null && demo.signalCode === null) await once(demo, 'exit');
  // It leaves nothing: no process, wherever it is, and no file.
  const left = readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`).includes(folder);
    } catch {
      return false; // no process, or one that has ended
    }
  });
  assert.deepEqual([left, readdirSync(folder)], [[], []]);
  rmdirSync(folder);
});

const see = (path, run) => visit(site, path, { storageState: site.session }, run);
const panel = (page, name) => page.getByRole('region', { name });
// A busy machine may lose packets, even of so small a network.
const agentOf = (page) => page.evaluate(async () => (await (await fetch('/api/v1/agents')).json()).rows[0]);
const figure = (n) => (n < 10_000 ? String(n) : `${(n / 1000).toFixed(n < 99_950 ? 1 : 0)}k`);
const rows = (page) => page.locator('tr[data-row]');

test('the overview has the applications and devices of the demo', () =>
  see('/', async (page) => {
    await page.locator('.plot canvas').waitFor();
    for (const app of ['netflix', 'youtube', 'wikipedia']) {
      await page.getByRole('button', { name: app, exact: true }).first().waitFor();
    }
    await panel(page, 'Newest flows').locator('li').first().waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await look(page);
    await until('the cards say what the API says', async () => {
      const [, , agents, lost] = await page.locator('.card .figure').allInnerTexts();
      return agents === '1' && lost === figure((await agentOf(page)).drops);
    });
  }));

test('a device leads to its flows, and a flow tells why', () =>
  see('/devices', async (page) => {
    await rows(page).nth(1).waitFor();
    await rows(page).first().locator('.about').click();
    await page.getByRole('heading', { level: 1, name: 'Flows' }).waitFor();
    assert.match(new URL(page.url()).searchParams.get('f'), /^device:/);
    const filter = page.getByRole('combobox', { name: 'Filter' });
    await filter.fill('app:youtube');
    await page.keyboard.press('Enter');
    await until('each row is of the application', async () => {
      const apps = await rows(page).locator('[data-label=Application]').allInnerTexts();
      return apps.length > 0 && apps.every((app) => app === 'youtube');
    });
    await rows(page).first().locator('.time').click();
    const drawer = page.getByRole('dialog', { name: 'Flow' });
    await drawer.getByRole('heading', { name: 'Why' }).waitFor();
    assert.match(await drawer.locator('.why').innerText(), /youtube/);
    await look(page);
  }));

test('the agent is there by its name, with what it lost', () =>
  see('/agents', async (page) => {
    const agent = panel(page, 'gateway');
    const wan = agent.getByRole('group', { name: 'Interfaces' }).getByRole('row', { name: /^wan0/ });
    await wan.getByText('198.51.100.0/24').waitFor();
    await agent.getByText('Packets of the last interval').click();
    await agent.getByRole('row', { name: /lan0/ }).last().waitFor();
    await until('it says what the API says', async () => {
      const { missing, drops } = await agentOf(page);
      const said = await agent.innerText();
      return new RegExp(`Reports missing\\s+${figure(missing)}\\s+Lost in 24 h\\s+${figure(drops)}\\s`).test(said);
    });
    await look(page);
  }));

test('a link opens the page once, and without a session there is no page', async () => {
  const context = await site.browser.newContext();
  const page = await context.newPage();
  for (const path of [site.link, `${site.url}/flows`, `${site.url}/api/v1/agents`]) {
    assert.equal((await page.goto(path)).status(), 401, path);
  }
  await context.close();
});

// SPDX-License-Identifier: Apache-2.0

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { look, start, until, visit } from './browser.mjs';

let site;
before(async () => {
  site = await start();
});
after(() => site.stop());

const panel = (page, name) => page.getByRole('region', { name });
const rows = (page) => page.locator('tr[data-row]');
const search = (page) => new URL(page.url()).searchParams;
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

// overviewIsDrawn waits until each part of the overview has its data.
async function overviewIsDrawn(page) {
  await page.locator('.plot canvas').waitFor();
  await panel(page, 'Top applications').getByRole('button', { name: 'youtube' }).waitFor();
  await panel(page, 'Top devices').getByRole('button', { name: 'bens-laptop' }).waitFor();
  await panel(page, 'Newest flows').locator('li').nth(9).waitFor();
}

// The parts of a page that tell that its data is there.
const drawn = {
  '/': overviewIsDrawn,
  '/devices': (page) => rows(page).nth(8).waitFor(),
  '/flows': (page) => rows(page).nth(12).waitFor(),
  '/agents': (page) => page.getByRole('region', { name: /^Agent / }).nth(1).waitFor(),
};

test('a click leads to each page, and back', () =>
  visit(site, '/', {}, async (page) => {
    await overviewIsDrawn(page);
    assert.match(await page.locator('.card').first().innerText(), /↓ [\d.]+ [kM]b\/s/);
    await panel(page, 'Top hosts').getByText('approximate', { exact: true }).waitFor();
    assert.equal(await page.getByText('approximate', { exact: true }).count(), 1);
    await panel(page, 'Top countries').getByRole('button', { name: 'Germany' }).waitFor();
    await panel(page, 'Top autonomous systems').getByRole('button', { name: 'Example Video Ltd.' }).waitFor();
    for (const name of ['Devices', 'Flows', 'Agents']) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { level: 1, name }).waitFor();
      await drawn[`/${name.toLowerCase()}`](page);
      assert.equal(await page.title(), `${name} – weir`);
      assert.equal(await page.locator('nav a[aria-current]').innerText(), name);
    }
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Flows' }).waitFor();
    await page.reload();
    await drawn['/flows'](page);
  }));

test('names of the network are text, whatever they look like', async () => {
  const markup = "<img/src=x/onerror=document.title='owned'>";
  const script = '"><script>document.title=\'owned\'</script>';
  await visit(site, '/devices', {}, async (page) => {
    await page.getByText(script, { exact: true }).waitFor();
    assert.equal(await page.locator('#app script, #app img').count(), 0);
  });
  await visit(site, '/agents', {}, async (page) => {
    await page.getByText(markup).first().waitFor();
    assert.equal(await page.locator('#app img').count(), 0);
  });
  await visit(site, '/', {}, async (page) => {
    await overviewIsDrawn(page);
    const hosts = panel(page, 'Top hosts');
    await hosts.getByText(`${markup}.example`).waitFor();
    await hosts.getByText(`${markup}.example`).click();
    await until('the filter has it', () => search(page).get('f')?.startsWith('host:<img/src=x'));
    assert.equal(await page.getByRole('combobox', { name: 'Filter' }).getAttribute('aria-invalid'), 'false');
    assert.equal(await page.locator('#app img').count(), 0);
  });
  await visit(site, '/flows', {}, async (page) => {
    await rows(page).first().locator('.time').click();
    // The newest flow's device may have the name, too; each flow has it as its user agent.
    await page.getByRole('dialog').locator('.fields').getByText(script, { exact: true }).waitFor();
    assert.equal(await page.locator('#app script, #app img').count(), 0);
  });
});

test('keys do what a mouse does', () =>
  visit(site, '/', {}, async (page) => {
    const press = (key) => page.keyboard.press(key);
    await overviewIsDrawn(page);
    await press('g');
    await press('f');
    await drawn['/flows'](page);
    await page.mouse.move(5, 300); // off the rows: nothing holds them
    // Flows that were asked for before a row had the focus may still come in above it.
    const steps = [];
    for (const key of ['j', 'j', 'k']) {
      await press(key);
      await until(`${key} moves the focus`, async () => {
        const row = await focused(page);
        return row !== null && row.text !== steps.at(-1) && steps.push(row.text) > 0;
      });
    }
    assert.equal(steps[2], steps[0]);
    assert.notEqual(steps[1], steps[0]);
    await press('Enter');
    const drawer = page.getByRole('dialog', { name: 'Flow' });
    await drawer.getByRole('heading', { name: 'Why' }).waitFor();
    // After the key that opened it, which else would press the button.
    const label = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    await until('the drawer has the focus', async () => (await label()) === 'Close');
    await press('Escape');
    await drawer.waitFor({ state: 'detached' });
    await press('[');
    await until('the range is an earlier one', () => /^\d+-\d+$/.test(search(page).get('t') ?? ''));
    await press(']');
    await until('the range ends now', () => search(page).get('t') === null);
    await press('t');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'span');
    await page.evaluate(() => document.activeElement.blur());
    await press('/');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'filter');
    await page.keyboard.type('gj?');
    assert.match(page.url(), /\/flows$/, 'letters of the filter are no commands');
    await press('Escape');
    await press('Escape');
    await press('Escape');
    await page.evaluate(() => document.activeElement.blur());
    await press('?');
    const help = page.getByRole('dialog', { name: 'Keys' });
    await help.getByLabel('Keys are on').uncheck();
    await help.getByRole('button', { name: 'Close' }).click();
    await press('g');
    await press('o');
    assert.match(page.url(), /\/flows$/, 'keys that are off do nothing');
  }));

test('the filter completes, applies, and tells mistakes', () =>
  visit(site, '/flows?t=6h', {}, async (page) => {
    const input = page.getByRole('combobox', { name: 'Filter' });
    const options = page.getByRole('listbox', { name: 'Completions' }).getByRole('option');
    await input.fill('ap');
    await options.first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await input.inputValue(), 'app:');
    await page.keyboard.type('you');
    await options.filter({ hasText: 'youtube' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await input.inputValue(), 'app:youtube ');
    const asked = page.waitForRequest((r) => r.url().includes('/flows?') && r.url().includes('filter=app%3Ayoutube'));
    await page.keyboard.press('Enter');
    await asked;
    await until('the address has it', () => search(page).get('f') === 'app:youtube');
    assert.equal(search(page).get('t'), '6h', 'the range stays');

    // A device is found by its name.
    await input.fill('device:bens');
    await options.filter({ hasText: 'bens-laptop' }).click();
    assert.match(await input.inputValue(), /^device:02:00:5e:10:00:01 $/);

    await input.fill('app:youtube AND prot:tls');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('there is no field prot, perhaps proto').waitFor();
    assert.equal(search(page).get('f'), 'app:youtube', 'a mistake is not applied');
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await until('the address has none', () => search(page).get('f') === null);
  }));

test('a click on a name includes it, one with Alt excludes it', () =>
  visit(site, '/', {}, async (page) => {
    await overviewIsDrawn(page);
    await panel(page, 'Top applications').getByRole('button', { name: 'netflix' }).click({ modifiers: ['Alt'] });
    await until('it is excluded', () => search(page).get('f') === 'app!=netflix');
    await panel(page, 'Top devices').getByRole('button', { name: 'nas', exact: true }).click();
    await until('both are there', () => search(page).get('f') === 'app!=netflix AND device:02:00:5e:10:00:05');
    await page.goBack();
    await until('back is the filter before', () => search(page).get('f') === 'app!=netflix');
    const input = page.getByRole('combobox', { name: 'Filter' });
    await until('the filter shows it', async () => (await input.inputValue()) === 'app!=netflix');
  }));

test('the chart shows traffic, zooms, and is a table too', () =>
  visit(site, '/?by=category', {}, async (page) => {
    const canvas = page.locator('.plot canvas');
    await canvas.waitFor();
    await until('it is drawn', () =>
      canvas.evaluate((c) => {
        const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        const colours = new Set();
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) colours.add(data.slice(i, i + 3).join());
        return colours.size > 7;
      }),
    );
    const box = await page.locator('.u-over').boundingBox();
    await page.mouse.move(box.x + 100, box.y + 50);
    await until('the legend tells of a moment', async () =>
      /\d\d:\d\d/.test(await page.locator('.legend .note').innerText()),
    );
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await until('the range is what was drawn', () => /^\d+-\d+$/.test(search(page).get('t') ?? ''));
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await page.getByRole('cell', { name: 'video', exact: true }).waitFor();
    await page.getByLabel('by').selectOption('direction');
    await until('the address has it', () => search(page).get('by') === 'direction');
    await page.getByRole('cell', { name: 'outbound', exact: true }).waitFor();
  }));

test('a flow opens with all its fields, by its address too', async () => {
  let address = '';
  await visit(site, '/flows', {}, async (page) => {
    await drawn['/flows'](page);
    await rows(page).nth(3).locator('.time').click();
    const drawer = page.getByRole('dialog', { name: 'Flow' });
    await drawer.getByRole('heading', { name: 'Why' }).waitFor();
    const text = await drawer.innerText();
    for (const field of ['community_id', 'client.mac', 'server.port', 'nat.client_ip', 'quic.alpn', 'first_seen']) {
      assert.ok(text.includes(field), `${field} is missing`);
    }
    await until('the address has it', () => search(page).has('flow'));
    address = new URL(page.url()).pathname + new URL(page.url()).search;
    await look(page);
  });
  await visit(site, address, {}, async (page) => {
    await page.getByRole('dialog', { name: 'Flow' }).getByText('community_id').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await until('the address has none', () => !search(page).has('flow'));
  });
  await visit(site, `/flows?flow=${'0'.repeat(32)}/${'0'.repeat(32)}`, { expected: /status of 404/ }, async (page) => {
    await page.getByRole('dialog', { name: 'Flow' }).getByText('The flow could not be loaded: Not Found').waitFor();
    await drawn['/flows'](page);
  });
});

test('older flows come on demand, each once', () =>
  visit(site, '/flows?t=15m', {}, async (page) => {
    await drawn['/flows'](page);
    const indexes = new Set();
    let count = '';
    await until('the last flow of the range is there', async () => {
      count = await page.getByRole('grid').getAttribute('aria-rowcount');
      // At once: what is drawn between two looks would be passed by.
      const list = await rows(page).evaluateAll((all) =>
        all.map((row) => ({
          index: row.getAttribute('aria-rowindex'),
          time: row.querySelector('time').dateTime,
          text: row.innerText,
        })),
      );
      const times = list.map((row) => row.time); // of which two flows may have the same
      assert.deepEqual(times, [...times].sort().reverse());
      assert.equal(new Set(list.map((row) => row.text)).size, list.length);
      for (const { index } of list) indexes.add(index);
      if (count === list.at(-1)?.index) return true;
      // No row is passed by: each part is drawn before the next one.
      return page.evaluate(() => {
        scrollBy(0, 1200);
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(false))));
      });
    });
    assert.ok(indexes.size >= count - 1 && count > 400, `${indexes.size} flows were seen of ${count - 1}`);
    assert.equal(await page.getByRole('button', { name: 'Older flows' }).count(), 0);
  }));

// place is a row of the list, where it is in the window, and whether it has the focus.
const place = (page, selector) =>
  page.evaluate((s) => {
    const row = (s ? document.querySelector(s) : document.elementFromPoint(innerWidth / 2, innerHeight / 2))?.closest('tr[data-row]');
    if (!row) return null;
    const { top, bottom } = row.getBoundingClientRect();
    const isInSight = top >= 0 && bottom <= innerHeight;
    return { index: Number(row.ariaRowIndex), text: row.innerText, top, isInSight };
  }, selector);
const focused = (page) => place(page, 'tr[data-row]:focus');

// load scrolls down until so many flows are loaded. Each page of them has the patience of one wait.
async function load(page, flows) {
  for (let loaded = 500; loaded <= flows; loaded += 500) {
    await until(`${loaded} flows are loaded`, async () => {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      return Number(await rows(page).last().getAttribute('aria-rowindex')) > loaded;
    });
  }
}

test('of ten thousand flows few rows are drawn, and all are in reach', () =>
  visit(site, '/flows?t=24h', {}, async (page) => {
    await drawn['/flows'](page);
    await load(page, 10_000);
    const height = await page.evaluate(() => document.body.scrollHeight);
    assert.ok(height > 10_000 * 30, `the page is ${height} high: the scroll bar is of few rows`);
    let before;
    for (let part = 0; part <= 20; part++) {
      await page.evaluate((y) => scrollTo(0, y), Math.round(((height - 900) * part) / 20));
      await until('the middle of the window has a row', () => place(page));
      const { index, text } = await place(page);
      assert.ok(!before || index > before.index, `row ${index} is below row ${before?.index}`);
      before = { index, text };
      assert.ok((await rows(page).count()) < 100, 'few rows are drawn');
      const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
      assert.ok(nodes < 3000, `${nodes} elements`);
    }
    assert.ok(before.index > 9_900, `the end of the list is row ${before.index}`);
    await look(page);
  }));

test('keys walk through a long list, and the focus stays', () =>
  visit(site, '/flows?t=24h', {}, async (page) => {
    const press = (key) => page.keyboard.press(key);
    const goes = (what, check) => until(what, async () => {
      const row = await focused(page);
      return row !== null && row.isInSight && check(row);
    });
    await drawn['/flows'](page);
    await load(page, 3000);
    await press('j');
    await goes('a row in sight has the focus', (row) => row.index > 2000);
    await press('Home');
    await goes('the first row has it', (row) => row.index === 2);
    await press('ArrowDown');
    await press('ArrowDown');
    await goes('the third row has it', (row) => row.index === 4);
    await press('ArrowUp');
    await goes('the second row has it', (row) => row.index === 3);
    await press('PageDown');
    await goes('a row a window lower has it', (row) => row.index > 15 && row.index < 40);
    const { index, text } = await focused(page);
    await page.evaluate(() => scrollTo(0, 80_000));
    await until('other rows are drawn', async () => (await place(page))?.index > 1000);
    assert.equal((await focused(page)).text, text, 'a row that is far off keeps the focus');
    await press('PageUp');
    await goes('keys go on from it', (row) => row.index < index);
    await press('End');
    await goes('the last row has it', (row) => row.index > 3000);
    await until('older flows are there', async () =>
      (await rows(page).last().getAttribute('aria-rowindex')) > (await focused(page)).index);
    await press('Enter');
    const drawer = page.getByRole('dialog', { name: 'Flow' });
    await drawer.getByRole('heading', { name: 'Why' }).waitFor();
    await press('Escape');
    await goes('the row has it again', (row) => row.index > 3000);
    // Tab leaves by the row's buttons, and comes back to the row.
    await press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'term');
    await press('Shift+Tab');
    await goes('the row has it once more', (row) => row.index > 3000);
  }));

test('new flows move nothing that someone reads', () =>
  visit(site, '/flows?t=6h', {}, async (page) => {
    await drawn['/flows'](page);
    await page.getByText('live', { exact: true }).waitFor();
    await page.mouse.move(5, 300);
    const first = () => rows(page).first().locator('time').getAttribute('datetime');
    const begin = await first();
    await until('at the top, new ones come into sight', async () => (await first()) > begin);
    await page.evaluate(() => scrollTo(0, 1200));
    const newer = page.getByRole('button', { name: 'Newer flows' });
    await until('the middle of the window has a row', () => place(page));
    // Flows that were asked for before may still come in above: the row keeps its place in the window, not its number.
    const seen = async () => {
      const { text, top } = await place(page);
      return [text, Math.round(top)];
    };
    const read = await seen();
    await newer.waitFor();
    assert.deepEqual(await seen(), read);
    const known = await first();
    await newer.click();
    await until('they are there', async () => (await first()) > known && (await page.evaluate(() => scrollY)) === 0);
    assert.equal(await newer.count(), 0);
  }));

// devices is an answer with so many devices, of which the first have gone.
const devices = (from, to, factor) => ({
  from: new Date(Date.now() - 3_600_000),
  to: new Date(),
  rows: Array.from({ length: to - from }, (_, i) => ({
    agent: 'a9f4c1d2e3b40596a7b8c9d0e1f20314',
    device: `device-${from + i}`,
    apps: 1,
    record: i % 3 ? { kind: { value: 'computer' }, random_mac: true } : { addresses: [{ ip: `10.0.0.${i}` }] },
    down_bytes: Math.round(1e9 - (from + i) * 1e5 * factor),
    up_bytes: 0,
    packets: 0,
    flows: 1,
  })),
});

test('devices that come, go and change move nothing that someone reads', () =>
  visit(site, '/', {}, async (page) => {
    let answer = devices(0, 2000, 1);
    await page.route(/\/devices\?/, (route) => route.fulfill({ json: answer }));
    await page.getByRole('link', { name: 'Devices', exact: true }).click();
    await page.getByText('2000 devices').waitFor();
    assert.ok((await rows(page).count()) < 100, 'few rows are drawn');
    await page.evaluate(() => scrollTo(0, 40_000));
    await until('the middle of the window has a row', () => place(page));
    const read = await place(page);
    answer = devices(30, 2010, -1);
    const asked = page.waitForResponse(/\/devices\?/);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await asked;
    await page.getByText('1980 devices').waitFor();
    const name = (row) => row.text.split('\n')[0].trim();
    await until('it is drawn', () => place(page));
    const now = await place(page);
    assert.deepEqual([name(now), Math.round(now.top), now.index], [name(read), Math.round(read.top), read.index - 30]);
  }));

test('all rows of a table are of one height, on which their places rest', async () => {
  for (const window of [{}, { viewport: { width: 700, height: 900 } }, phone, { ...phone, viewport: { width: 360, height: 780 } }]) {
    for (const path of ['/flows', '/devices']) {
      await visit(site, path, window, async (page) => {
        await drawn[path](page);
        const heights = await rows(page).evaluateAll((all) => [...new Set(all.map((row) => row.getBoundingClientRect().height))]);
        assert.equal(heights.length, 1, `${path} at ${page.viewportSize().width}: ${heights}`);
      });
    }
  }
  await visit(site, '/flows', phone, async (page) => {
    await drawn['/flows'](page);
    await load(page, 1000);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight / 2));
    await until('the middle of the window has a row', () => place(page));
    assert.ok((await rows(page).count()) < 60, 'few rows are drawn');
  });
});

test('devices sort, and open their flows', () =>
  visit(site, '/devices', {}, async (page) => {
    await drawn['/devices'](page);
    await page.getByRole('button', { name: 'Device', exact: true }).click();
    await until('they are in order of names', async () => {
      const names = await rows(page).locator('.term').allInnerTexts();
      return names[0]?.startsWith('"><script') && names[1]?.startsWith('a-device');
    });
    await rows(page).filter({ hasText: 'printer' }).locator('.about').click();
    await page.getByRole('heading', { level: 1, name: 'Flows' }).waitFor();
    assert.equal(search(page).get('f'), 'device:02:00:5e:10:00:08');
  }));

test('a part that fails says so, alone, and comes back', () =>
  visit(site, '/', { expected: /status of 503/ }, async (page) => {
    await overviewIsDrawn(page);
    let fails = true;
    await page.route(/\/top\?by=device/, (route) =>
      fails
        ? route.fulfill({
            status: 503,
            contentType: 'application/problem+json',
            body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'the sink is busy' }),
          })
        : route.continue(),
    );
    await page.reload();
    const failed = panel(page, 'Top devices');
    await failed.getByText('Top devices could not be loaded: Service Unavailable').waitFor();
    await failed.getByText('the sink is busy').waitFor();
    await panel(page, 'Top applications').getByRole('button', { name: 'youtube' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Retry' }).count(), 1);
    await look(page);
    fails = false;
    await failed.getByRole('button', { name: 'Retry' }).click();
    await failed.getByRole('button', { name: 'bens-laptop' }).waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
  }));

test('what is no answer of the API is no answer', () =>
  visit(site, '/', { expected: /status of 502|net::ERR_FAILED/ }, async (page) => {
    await page.route(/\/devices\?/, (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>x' }));
    await page.getByRole('link', { name: 'Devices', exact: true }).click();
    await page.reload();
    await page.getByText('The devices could not be loaded: The sink answered 502').waitFor();
    await page.route(/\/devices\?/, (route) => route.abort());
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByText('The devices could not be loaded: The sink does not answer').waitFor();
  }));

test('an answer that the page cannot draw spoils no other part', () =>
  visit(site, '/', { expected: /./ }, async (page) => {
    await page.route(/\/top\?by=host/, (route) => route.fulfill({ json: { rows: [null] } }));
    await page.reload();
    await panel(page, 'Top hosts').getByText('The page has a fault here').waitFor();
    await panel(page, 'Top devices').getByRole('button', { name: 'bens-laptop' }).waitFor();
  }));

test('nothing to see has its reason, and a way on', async () => {
  await visit(site, '/flows?f=port%3A443+AND+app%3Anothing', {}, async (page) => {
    await page.getByText('No flows match the filter').waitFor();
    await look(page);
    await page.getByRole('button', { name: 'Remove app:nothing' }).click();
    await drawn['/flows'](page);
    assert.equal(search(page).get('f'), 'port:443');
  });
  await visit(site, '/', {}, async (page) => {
    const answer = (body) => (route) => route.fulfill({ json: body });
    await page.route(/\/agents$/, answer({ now: new Date().toISOString(), rows: [] }));
    await page.route(/\/events/, (route) => route.fulfill({ contentType: 'text/event-stream', body: ': nothing\n\n' }));
    const none = { rows: [], other: {}, total: {} };
    await page.route(/\/top\?/, answer(none));
    await page.route(/\/agents$/, answer({ now: new Date().toISOString(), rows: [] }));
    await page.reload();
    await panel(page, 'Top devices').getByText('No agent reports to this sink yet').waitFor();
    await page.getByRole('link', { name: 'Agents', exact: true }).click();
    await page.getByText('No agent is enrolled').waitFor();
  });
});

test('an agent that falls silent is told of', () =>
  visit(site, '/', {}, async (page) => {
    await page.getByRole('status').getByText('Agent 0b1c2d3e is late: its last report came 3 min ago').waitFor();
    await page.getByRole('link', { name: 'Agents', exact: true }).click();
    const silent = panel(page, 'Agent 0b1c2d3e');
    await silent.getByText('late', { exact: true }).waitFor();
    assert.match(await silent.innerText(), /Lost in 24 h\s+1204/);
    for (const told of [/Clock\s+synchronised, 2 min ahead of the sink’s/, /Waiting there\s+2, 41.0 kB/, /Refused\s+2/,
      /Reports lost there\s+5/, /10\.20\.0\.0\/24 \+1/, /2 queues, 1 full/]) {
      assert.match(await silent.innerText(), told);
    }
    await silent.getByText('Packets of the last interval').click();
    assert.match(await silent.getByRole('row', { name: /^↓ lan0/ }).innerText(), /15\.1k.*3000.*111.*1514 B/s);
    assert.equal(await panel(page, 'Agent a9f4c1d2').getByText('late', { exact: true }).count(), 0);
  }));

test('a session that ended is told of, once', () =>
  visit(site, '/', { expected: /status of 401/ }, async (page) => {
    await overviewIsDrawn(page);
    await page.route(/\/api\/v1\//, (route) => route.fulfill({ status: 401, json: { title: 'Unauthorized' } }));
    await page.reload();
    await page.getByRole('heading', { name: 'This session has ended' }).waitFor();
    await look(page);
  }));

test('new flows come by themselves', () =>
  visit(site, '/', {}, async (page) => {
    await overviewIsDrawn(page);
    await page.getByText('live', { exact: true }).waitFor();
    const newest = () => panel(page, 'Newest flows').locator('time').first().getAttribute('datetime');
    const before = await newest();
    await until('a newer flow is on top', async () => (await newest()) > before);
  }));

test('out of sight, the page holds no connection', () =>
  visit(site, '/', {}, async (page) => {
    const hide = (isHidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
        document.dispatchEvent(new Event('visibilitychange'));
      }, isHidden);
    await page.getByText('live', { exact: true }).waitFor();
    await hide(true);
    await page.getByText('polling', { exact: true }).waitFor();
    const asked = page.waitForRequest(/\/events/);
    await hide(false);
    await asked;
    await page.getByText('live', { exact: true }).waitFor();
  }));

test('a phone has room for all of it', async () => {
  for (const [path, isDrawn] of Object.entries(drawn)) {
    await visit(site, path, phone, async (page) => {
      await isDrawn(page);
      const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(inner <= outer, `${path} is ${inner} wide, the window ${outer}`);
      const bar = await page.getByRole('navigation').boundingBox();
      assert.ok(bar.y > 700, 'the pages are at the bottom');
      for (const link of await page.getByRole('navigation').getByRole('link').all()) {
        const { width, height } = await link.boundingBox();
        assert.ok(width >= 24 && height >= 24, `${width}×${height} is no target for a finger`);
      }
      await look(page);
    });
  }
  await visit(site, '/flows', phone, async (page) => {
    await drawn['/flows'](page);
    assert.equal(await rows(page).first().evaluate((row) => getComputedStyle(row).display), 'grid');
    await rows(page).first().locator('.time').tap();
    const { width } = await page.getByRole('dialog', { name: 'Flow' }).boundingBox();
    assert.equal(width, 390);
  });
});

test('axe finds nothing serious, on any page in either theme', async () => {
  for (const colorScheme of ['light', 'dark']) {
    for (const [path, isDrawn] of Object.entries(drawn)) {
      await visit(site, path, { colorScheme }, async (page) => {
        await isDrawn(page);
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
        await look(page);
      });
    }
  }
});

test('a chosen theme stays, whatever the system says', () =>
  visit(site, '/agents', { colorScheme: 'dark' }, async (page) => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    await drawn['/agents'](page);
    await page.getByRole('button', { name: 'Colours: as the system' }).click();
    assert.equal(await theme(), 'light');
    await page.reload();
    await drawn['/agents'](page);
    assert.equal(await theme(), 'light');
    await page.getByRole('button', { name: 'Colours: light' }).click();
    await page.getByRole('button', { name: 'Colours: dark' }).click();
    await page.emulateMedia({ colorScheme: 'light' });
    await until('it follows the system', async () => (await theme()) === 'light');
  }));

test('how soon it is there', (t) =>
  visit(site, '/', {}, async (page) => {
    await overviewIsDrawn(page);
    const ms = await page.evaluate(() => {
      const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN;
      return { paint: Math.round(paint), drawn: Math.round(performance.now()) };
    });
    t.diagnostic(`first paint after ${ms.paint} ms, the overview drawn after ${ms.drawn} ms at most`);
    assert.ok(ms.paint > 0);
  }));

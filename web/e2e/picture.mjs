// SPDX-License-Identifier: Apache-2.0

// Takes a picture of a sink's page once it shows its figures: node web/e2e/picture.mjs LINK FILE.png

import { browse } from './browser.mjs';

const [link, file] = process.argv.slice(2);
if (!file) throw new Error('usage: node web/e2e/picture.mjs LINK FILE.png');
const browser = await browse();
const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, locale: 'en-GB', colorScheme: 'dark' });
await page.goto(link);
await page.goto(new URL(`/?t=15m&f=${encodeURIComponent('app!=""')}`, link).href);
await page.locator('.plot canvas').waitFor();
for (const name of ['Top applications', 'Top devices', 'Top hosts']) {
  await page.getByRole('region', { name }).getByRole('button').first().waitFor();
}
await page.screenshot({ path: file });
await browser.close();

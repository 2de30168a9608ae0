/** The pages in a browser: hostile text stays text, nothing is asked of other hosts, and a release changes as it runs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HeadlessChromium } from '../../helpers/chromium.ts';
import { Showroom } from './dashboard-fixture.ts';

let showroom: Showroom;
let browser: HeadlessChromium;
beforeAll(async () => {
  showroom = await Showroom.open();
  await showroom.fill();
  browser = await HeadlessChromium.start();
});
afterAll(async () => {
  await browser.close();
  await showroom.close();
});

const nothing = { console: [], outside: [], dialogs: [] };

test.each([
  '/queue',
  '/queue/releases/hat-1',
  '/jobs',
  '/jobs/queue/release',
  '/jobs/queue/lock-x86_64',
  '/jobs/queue/lock-x86_64/hat-1.lock',
  '/',
])('at %s hostile text stays text, and no other host is asked', async (path) => {
  const { address } = showroom.dashboard;
  const { page, faults } = await browser.page(address);
  await page.goto(new URL(path, address).href, { waitUntil: 'load' });
  await page.waitForTimeout(1500);
  expect(faults).toEqual(nothing);
  await page.context().close();
});

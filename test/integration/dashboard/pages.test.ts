/** The pages in a browser: hostile text stays text, no other host is asked, and people get everywhere by keyboard. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cache } from '../../../spec/places.ts';
import { openBrowser, type OpenBrowser } from '../../helpers/browser.ts';
import { accessibilityFaults, keyboardReach, visit } from '../../helpers/visited-page.ts';
import { ask, hostile, Showroom } from './dashboard-fixture.ts';

let showroom: Showroom;
let opened: OpenBrowser;
beforeAll(async () => {
  showroom = await Showroom.open();
  await showroom.fill();
  opened = await openBrowser();
  await mkdir(join(cache, 'screenshots/dashboard'), { recursive: true });
});
afterAll(async () => {
  await opened.close();
  await showroom.close();
});

const own = ['/queue', '/queue/releases/hat-1'];
/** Paths, and a text that each shows when it has read the queue. */
const pages = [
  ...own.map((path) => [path, 'hat-1'] as const),
  ['/jobs', 'lock-x86_64'],
  ['/jobs/queue/release', 'evil'],
  ['/jobs/queue/lock-x86_64/hat-1.lock', 'hat-1.lock'],
] as const;

/** The stream of changes never ends, and bull-board asks again and again: no page is ever idle. */
async function look(path: string, options: { colorScheme: 'light' | 'dark'; width?: number }) {
  const { colorScheme, width = 1280 } = options;
  const { address } = showroom.dashboard;
  const viewport = { width, height: 900 };
  const visited = await visit(opened.browser, address, { colorScheme, viewport });
  await visited.page.goto(new URL(path, address).href, { waitUntil: 'load' });
  return visited;
}

test.each(pages)('at %s hostile text stays text, and no other host is asked', async (path, shown) => {
  const { page, complaints } = await look(path, { colorScheme: 'light' });
  await page.getByText(shown).first().waitFor();
  const name = `dashboard-${path.replaceAll(/\W+/g, '-')}.png`;
  await page.screenshot({ path: join(cache, 'screenshots/dashboard', name), fullPage: true });
  expect(
    await page
      .locator('script:not([src]):not([type="application/json"]), iframe, svg[onload], img[src=x]')
      .count(),
  ).toBe(0);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('each hostile text is shown on the page of its release, as text', async () => {
  const { page } = await look('/queue/releases/hat-1', { colorScheme: 'light' });
  const text = await page.locator('main').innerText();
  for (const one of hostile.filter((some) => !some.includes('\u202E'))) expect(text).toContain(one);
  for (const character of ['\u202E', '\u001B']) expect(text).not.toContain(character);
  await page.context().close();
});

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  test.each(own)('%s is within WCAG AA, and the keyboard reaches everything', async (path) => {
    const { page } = await look(path, { colorScheme });
    expect(await accessibilityFaults(page)).toEqual([]);
    const { focusable, reached, unmarked } = await keyboardReach(page);
    expect({ reached, unmarked }).toEqual({ reached: focusable, unmarked: [] });
    await page.context().close();
  });
});

test('a phone shows the queue without scrolling sideways', async () => {
  const { page } = await look('/queue', { colorScheme: 'dark', width: 390 });
  await page.screenshot({ path: join(cache, 'screenshots/dashboard', 'phone.png'), fullPage: true });
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(widths[0]).toBeLessThanOrEqual(widths[1]!);
  await page.context().close();
});

test('without JavaScript the page has the same tables, and asks for itself again', async () => {
  const { body } = await ask(showroom.port, '/queue');
  expect(body).toContain('<noscript><meta http-equiv="refresh" content="10"');
  expect(body).toContain('id="releases"');
  expect(body).toContain('hat-1');
});

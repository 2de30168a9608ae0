/** A site from a disk, in Debian's Chromium: what it says beside its pages, who can use it, and what it looks like. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cache } from '../../../spec/places.ts';
import { writeSite } from '../../../src/site/write-site.ts';
import { openBrowser, type OpenBrowser } from '../../helpers/browser.ts';
import { fillState, nameOf, siteOf, small, stateOnly } from '../../helpers/site-state.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { accessibilityFaults, keyboardReach, visit } from '../../helpers/visited-page.ts';

const screenshots = join(cache, 'screenshots', 'site');
/** Of a phone that many have. */
const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 900 };

let directory: string;
let opened: OpenBrowser;
let root: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-site-browser-'));
  const state = join(directory, 'state');
  await fillState(state, small);
  await writeSite(stateOnly(state), { out: siteOf(directory), advisories: false, recipes: [] });
  root = pathToFileURL(siteOf(directory)).href;
  opened = await openBrowser();
});
afterAll(async () => {
  await opened.close();
  await rm(directory, { recursive: true });
});

const image = `images/${nameOf(4)}.x86_64.html`;
/** One of each template. */
const kinds = [
  'index.html',
  'images.html',
  image,
  'tags.html',
  'packages.html',
  'packages/1.html',
  'advisories.html',
  'nights.html',
  'nights/fedora/2026-11-29T02-00-00.html',
  'trends.html',
  'compare.html',
  `compare/${nameOf(4)}.x86_64--base.html`,
];

test('every page loads, says nothing in the console, and asks no other host', async () => {
  const { page, complaints } = await visit(opened.browser, root);
  const files = await readdir(siteOf(directory), { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.html'))) {
    await page.goto(`${root}/${file}`);
    expect(await page.locator('h1').count()).toBe(1);
  }
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** The style sheet is one for all pages: a third of them each day. */
describe.each(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test.each(shareOfDay(kinds, 3))('%s has no fault of WCAG A or AA', async (file) => {
    const { page, complaints } = await visit(opened.browser, root, { colorScheme, viewport: desktop });
    await page.goto(`${root}/${file}`);
    // What is folded is looked at as well.
    for (const summary of await page.locator('details > summary').all()) await summary.click();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

test.each(shareOfDay(kinds, 3))(
  'the keyboard comes to everything on %s, and shows where it is',
  async (file) => {
    const { page } = await visit(opened.browser, root);
    await page.goto(`${root}/${file}`);
    const { focusable, reached, unmarked } = await keyboardReach(page);
    expect({ reached, unmarked }).toEqual({ reached: focusable, unmarked: [] });
    await page.context().close();
  },
);

test.each(kinds)('%s fits a phone: only tables and the graph are wider than it', async (file) => {
  const { page } = await visit(opened.browser, root, { viewport: { ...phone, width: 360 } });
  await page.goto(`${root}/${file}`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.context().close();
});

test('the search answers a condition in the order of rpm, and the beginning of a name', async () => {
  const { page, complaints } = await visit(opened.browser, root);
  await page.goto(`${root}/packages.html`);
  await page.fill('#package-query', 'openssl < 3.0.1');
  await page.locator('[data-question="openssl < 3.0.1"]').waitFor({ state: 'attached' });
  const versions = await page.locator('#package-answer tbody td:last-child').allTextContents();
  expect(new Set(versions)).toEqual(new Set(['openssl-1:3.0.0-1.fc43.x86_64']));
  await page.fill('#package-query', 'libssl');
  await page.locator('[data-question="libssl"]').waitFor({ state: 'attached' });
  expect(await page.locator('#package-answer table').count()).toBe(0);
  await page.fill('#package-query', 'libopen');
  await page.locator('[data-question="libopen"]').waitFor({ state: 'attached' });
  expect(await page.locator('#package-answer tbody tr').count()).toBeGreaterThan(3);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('two images are compared, and a link names them', async () => {
  const { page, complaints } = await visit(opened.browser, root);
  const [first, second] = [`${nameOf(0)}.x86_64`, `${nameOf(2)}.x86_64`];
  await page.goto(`${root}/compare.html?first=${first}&second=${second}`);
  await page.locator(`[data-pair="${first} ${second}"]`).waitFor({ state: 'attached' });
  expect(await page.locator('#compare-answer table').count()).toBe(3);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('trends are drawn, of all images and of one', async () => {
  const { page, complaints } = await visit(opened.browser, root);
  for (const [query, drawn] of [
    ['', 'all'],
    [`?image=${nameOf(2)}.x86_64`, `${nameOf(2)}.x86_64`],
  ] as const) {
    await page.goto(`${root}/trends.html${query}`);
    await page.locator(`body[data-drawn="${drawn}"]`).waitFor({ state: 'attached' });
    expect(await page.locator('canvas').count()).toBeGreaterThanOrEqual(3);
  }
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('without JavaScript all but search, choice and charts is there', async () => {
  const { page, complaints } = await visit(opened.browser, root, { javaScriptEnabled: false });
  await page.goto(`${root}/${image}`);
  for (const id of ['tags', 'layers', 'boot', 'advisories', 'packages', 'builds'])
    expect(await page.locator(`section[aria-labelledby="${id}"]`).isVisible()).toBe(true);
  expect(await page.locator('section[aria-labelledby="packages"] tbody tr').count()).toBe(small.perImage);
  for (const file of ['packages.html', 'compare.html', 'trends.html']) {
    await page.goto(`${root}/${file}`);
    expect(await page.locator('noscript').isVisible()).toBe(true);
  }
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('pictures of the pages lie in .cache/screenshots/site', async () => {
  await mkdir(screenshots, { recursive: true });
  for (const [name, options] of [
    ['desktop', { viewport: desktop, colorScheme: 'light' }],
    ['phone', { viewport: phone, colorScheme: 'dark' }],
  ] as const) {
    const { page } = await visit(opened.browser, root, options);
    for (const file of kinds) {
      await page.goto(`${root}/${file}`);
      if (file === 'trends.html') await page.locator('body[data-drawn="all"]').waitFor({ state: 'attached' });
      const path = join(screenshots, `${name}-${file.replaceAll(/\W+/g, '-')}.png`);
      await page.screenshot({ path, fullPage: true });
    }
    await page.context().close();
  }
  expect(await readdir(screenshots)).toHaveLength(2 * kinds.length);
});

/** Text of others in every place of a site: it stays text, in the files and in a browser. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse, type DefaultTreeAdapterMap } from 'parse5';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SiteFacts } from '../../../src/site/facts/site-facts.ts';
import { siteFiles } from '../../../src/site/site-files.ts';
import { writeSite } from '../../../src/site/write-site.ts';
import { openBrowser } from '../../helpers/browser.ts';
import { fillState, nameOf, siteOf, small, stateOnly } from '../../helpers/site-state.ts';
import { visit } from '../../helpers/visited-page.ts';

const texts = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title></style></textarea></script><svg onload=alert(1)>',
  '{{constructor.constructor "alert(1)"}} {{{raw}}}',
  'javascript:alert(1)',
  '\u202Egnp.exe\u202C \u2066\u200F שלום عربى',
  '\u0000\u0007\u001b[31m\u009b\u2028\u2029\uFFFE\ud800',
  `${'long '.repeat(210_000)}<b>`,
];
/** Another one in each field, and each in every field over the images. */
let turn = 0;
const hostile = (field: string) => `${texts[turn++ % texts.length]!} ${field}`;

let directory: string;
let site: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-site-hostile-'));
  site = siteOf(directory);
  const state = join(directory, 'state');
  await fillState(state, { ...small, nights: 3 }, hostile);
  await writeSite(stateOnly(state), { out: site, advisories: false, recipes: [] });
});
afterAll(() => rm(directory, { recursive: true }));

type Element = DefaultTreeAdapterMap['element'];

function* elementsOf(html: string): Generator<Element> {
  const queue: DefaultTreeAdapterMap['parentNode'][] = [parse(html)];
  for (let node = queue.pop(); node; node = queue.pop()) {
    for (const child of node.childNodes) {
      if ('childNodes' in child) queue.push(child);
      if ('tagName' in child) yield child;
    }
  }
}

const allowed = new Set(
  'html head meta title link script body a header nav ul li main h1 h2 h3 small p dl div dt dd b span section svg path g rect circle text table caption thead tbody tr th td bdi code pre details summary figure figcaption form label input select option noscript'.split(
    ' ',
  ),
);
const controls = /(?![\n\t])\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]|\p{Noncharacter_Code_Point}/u;

function faultsOf(html: string): string[] {
  const found = [...elementsOf(html)];
  return [
    ...(controls.test(html) ? ['a control character'] : []),
    ...found.filter(({ tagName }) => !allowed.has(tagName)).map(({ tagName }) => `<${tagName}>`),
    ...found.flatMap(({ tagName, attrs }) =>
      attrs
        .filter(
          ({ name, value }) =>
            name.startsWith('on') ||
            name === 'style' ||
            (/^(?:href|src)$/.test(name) && /^\s*(?!data:,$)[a-z]+:/i.test(value)),
        )
        .map(({ name, value }) => `${tagName} ${name}=${value.slice(0, 80)}`),
    ),
    ...found
      .filter(({ tagName, attrs }) => tagName === 'script' && !attrs.some(({ name }) => name === 'src'))
      .map(() => 'an inline script'),
  ];
}

test('no page has an element, handler, style, address or control character of theirs', async () => {
  const pages = (await readdir(site, { recursive: true })).filter((name) => name.endsWith('.html'));
  const faults: string[] = [];
  for (const page of pages)
    faults.push(...faultsOf(await readFile(join(site, page), 'utf8')).map((fault) => `${page}: ${fault}`));
  expect(faults).toEqual([]);
});

test('a line of a megabyte costs a page its first characters, not a megabyte', async () => {
  for (const page of await readdir(join(site, 'images')))
    expect((await readFile(join(site, 'images', page))).length).toBeLessThan(120_000);
});

/** Fields that a state cannot hold: what checks names would have to fail first. */
test('names of images, packages, tags and advisories stay text, too', () => {
  const facts: SiteFacts = { ...emptyFacts, images: texts.map(hostileImage), tags: texts.map(hostileTag) };
  const pages = [...siteFiles(facts)].filter(({ path }) => path.endsWith('.html'));
  expect(
    pages.flatMap(({ path, content }) => faultsOf(content.toString()).map((fault) => `${path}: ${fault}`)),
  ).toEqual([]);
});

const emptyFacts: SiteFacts = {
  images: [],
  tags: [],
  nights: [],
  sources: { isRegistryRead: true, isAdvisoryRead: true, unasked: texts },
};
const digestOf = (index: number) => `sha256:${String(index).padStart(64, '0')}` as const;

function hostileImage(text: string, index: number): SiteFacts['images'][number] {
  const name = `${text} name`;
  return {
    id: `image-${index}.x86_64`,
    name,
    arch: text,
    digest: digestOf(index),
    created: '2026-11-30T00:00:00.000Z',
    layers: [{ digest: digestOf(100 + index), size: 10, recipe: text, holds: text }],
    packages: [{ name: text, epoch: 0, version: text, release: text, arch: text, nevra: text }],
    lock: text,
    locked: {
      repositories: [text],
      reproducibleElsewhere: false,
      packages: new Map([[text, { repo: text, size: 1, sourceRpm: text }]]),
    },
    ...(index > 0 && { base: digestOf(index - 1) }),
    config: { cmd: [text], user: text, env: {}, exposedPorts: [text], volumes: [], labels: {} },
    build: { normalised: 0, removedKeys: 0, state: 0, verification: 0, warnings: [text] },
    former: [],
    silentRepositories: [],
    references: [],
    advisories: [{ id: text, type: 'security', severity: text, cves: [text], title: text, packages: [text] }],
  };
}

function hostileTag(text: string, index: number): SiteFacts['tags'][number] {
  const move = { time: '2026-11-30T00:00:00.000Z', to: digestOf(index), reason: text, note: text, by: text };
  return {
    reference: text,
    source: 'registry',
    digest: digestOf(index),
    images: [`image-${index}.x86_64`],
    moves: [move],
    ...(index % 2 === 0 ? { hold: { reason: text } } : { problem: { code: text, message: text } }),
  };
}

test('in a browser nothing of it runs, also where scripts make the page', async () => {
  const { browser, close } = await openBrowser();
  const root = pathToFileURL(site).href;
  const { page, complaints } = await visit(browser, root);
  for (let index = 0; index < texts.length; index++) {
    await page.goto(`${root}/images/${nameOf(index)}.x86_64.html`);
    for (const summary of await page.locator('details > summary').all()) await summary.click();
  }
  for (const text of texts.slice(0, 6)) {
    await page.goto(`${root}/packages.html?q=${encodeURIComponent(text)}`);
    await page.locator('#package-answer[data-question]').waitFor({ state: 'attached' });
  }
  const [first, second] = [nameOf(2), nameOf(3)].map((name) => `${name}.x86_64`);
  await page.goto(`${root}/compare.html?first=${first}&second=${second}`);
  await page.locator('[data-pair]').waitFor();
  expect(await page.locator('script:not([src])').count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

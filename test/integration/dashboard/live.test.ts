/** The command as people run it: a release runs and the open page follows, who signs in changes something, Ctrl-C ends it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache } from '../../../spec/places.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { openBrowser, type OpenBrowser } from '../../helpers/browser.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { visit } from '../../helpers/visited-page.ts';
import { eventually, Workshop } from '../queue/queue-fixture.ts';
import { token } from './dashboard-fixture.ts';

let workshop: Workshop;
let opened: OpenBrowser;
let dashboard: ReturnType<Workshop['start']>;
let address: string;
beforeAll(async () => {
  workshop = await Workshop.open();
  opened = await openBrowser();
  const file = workshop.bench.desk.path('dashboard.token');
  await writeFile(file, `${token}\n`, { mode: 0o600 });
  dashboard = workshop.start(['dashboard', '--listen', '0', '--token-file', file, '--json']);
  let told = '';
  dashboard.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
  address = await eventually(async () => /"(http:[^"]+)"/.exec(told)?.[1]);
});
afterAll(async () => {
  await opened.close();
  await workshop.close();
});

/** States of a release and of its stages as the page shows them. */
async function shownOf(page: Page, release: string) {
  const row = page.getByRole('row').filter({ hasText: release });
  const state = await row.locator('.status').first().innerText({ timeout: 60_000 });
  const stages = await row.locator('.steps li').allInnerTexts();
  return { state, stages: stages.map((one) => one.replaceAll(/\s+/g, ' ').replace(' :', ':').trim()) };
}

test('a release runs, and the page that is open follows it without a reload', async () => {
  const { page, complaints } = await visit(opened.browser, address);
  await page.goto(new URL('/queue', address).href);
  await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }));
  const recipe = await workshop.bench.desk.tiny('hat', ['tiny-base'], runsToItsEnd);
  const [release = ''] = await workshop.queue([recipe], `${workshop.bench.server.host}/live/{{name}}:1`);
  expect(await shownOf(page, release)).toMatchObject({ state: 'queued' });
  const worker = workshop.worker(['--once']);
  const seen = new Set<string>();
  await eventually(async () => {
    const { state } = await shownOf(page, release);
    seen.add(state);
    return state === 'released' ? true : undefined;
  });
  expect([...seen]).toContain('running');
  expect(await shownOf(page, release)).toEqual({
    state: 'released',
    stages: ['lock: done', 'build x86_64: done', 'sign: done', 'publish: done'],
  });
  await page.screenshot({ path: join(cache, 'screenshots/dashboard', 'released.png'), fullPage: true });
  expect(await page.evaluate(() => 'isSamePage' in globalThis)).toBe(true);
  expect((await worker.ended).exitCode).toBe(0);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('the site tells of the image soon after, and leads to the queue', async () => {
  const { page, complaints } = await visit(opened.browser, address);
  await eventually(async () => {
    await page.goto(new URL('/images.html', address).href);
    return (await page.getByRole('link', { name: 'hat' }).count()) > 0 ? true : undefined;
  });
  await page.getByRole('link', { name: 'hat' }).first().click();
  await page.getByRole('link', { name: 'Queue' }).click();
  expect(new URL(page.url()).pathname).toBe('/queue');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('who signs in cancels a release and takes it up again', async () => {
  const recipe = join(workshop.bench.desk.recipes, 'hat.yaml');
  const [release = ''] = await workshop.queue([recipe], `${workshop.bench.server.host}/live/{{name}}:2`);
  const stateOf = async () => (await workshop.json<ReleaseStatus>(['queue', 'status', release])).state;
  const { page, complaints } = await visit(opened.browser, address);
  await page.goto(new URL('/queue', address).href);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: release }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('cancelled').waitFor();
  expect(await stateOf()).toBe('cancelled');
  await page.screenshot({ path: join(cache, 'screenshots/dashboard', 'signed-in.png'), fullPage: true });
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.getByText('queued', { exact: true }).waitFor();
  expect(await stateOf()).toBe('queued');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  // A browser gives up the stream of changes where it leaves the page.
  expect(complaints.filter((one) => !one.endsWith('/queue/events'))).toEqual([]);
  await page.context().close();
});

test('Ctrl-C ends it, though browsers watch', async () => {
  const { page } = await visit(opened.browser, address);
  await page.goto(new URL('/queue', address).href);
  await page.getByText('live', { exact: true }).waitFor();
  process.kill(dashboard.pid!, 'SIGINT');
  const { exitCode, signal, stderr } = await dashboard;
  expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: undefined, stderr: '' });
});

/**
 * A site of a thousand images with 20,000 packages and a year of nights, beside the bounds of the design: how long it
 * takes to write, what the first page loads, and how long the search in a browser takes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { statSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { openBrowser, type OpenBrowser } from '../helpers/browser.ts';
import { cli } from '../helpers/milliner.ts';
import { fillState, siteOf } from '../helpers/site-state.ts';
import type { Bench, Case } from './case.ts';
import { peakMemory } from './memory.ts';

const size = { images: 1000, packages: 18_000, nights: 365, perImage: 450 };
const max = { seconds: 60, mebibytes: 700, kilobytes: 300, searchMilliseconds: 200 };
/** As many are asked for as people type while they look for something. */
const questions = ['openssl < 3.0.1', 'libgl', 'glibc >= 3.1', 'libsystemd-1', 'zlib', 'mariadb = 3.5.0'];

class Writing {
  readonly #place: string;
  #browser: OpenBrowser | undefined;

  private constructor(place: string) {
    this.#place = place;
  }

  static async open(): Promise<Writing> {
    const writing = new Writing(await mkdtemp(join(tmpdir(), 'bench-site-')));
    await fillState(join(writing.#place, 'state'), size);
    return writing;
  }

  #start() {
    const args = ['site', '--out', siteOf(this.#place), '--state', join(this.#place, 'state')];
    return spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  async seconds(): Promise<number> {
    const begin = performance.now();
    const [code] = (await once(this.#start(), 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the site ended with ${code}`);
    return (performance.now() - begin) / 1000;
  }

  async mebibytes(): Promise<number> {
    return (await peakMemory(this.#start())) / 1024 ** 2;
  }

  async #page(): Promise<Page> {
    this.#browser ??= await openBrowser();
    return this.#browser.browser.newPage();
  }

  /** Of all files that the first page has asked for. */
  async kilobytes(): Promise<number> {
    const page = await this.#page();
    let bytes = 0;
    page.on('request', (request) => {
      if (request.url().startsWith('file:')) bytes += statSync(new URL(request.url())).size;
    });
    await page.goto(`${pathToFileURL(siteOf(this.#place)).href}/index.html`);
    await page.close();
    return bytes / 1000;
  }

  /** The longest of all: from the last key to the answer on the page. */
  async searchMilliseconds(): Promise<number> {
    const page = await this.#page();
    await page.goto(`${pathToFileURL(siteOf(this.#place)).href}/packages.html`);
    await page.locator('#package-query:enabled').waitFor();
    const times: number[] = [];
    for (const question of questions) times.push(await page.evaluate(answerTime, question));
    await page.close();
    return Math.max(...times);
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    await rm(this.#place, { recursive: true });
  }
}

/** Runs in the page. */
async function answerTime(question: string): Promise<number> {
  const input = document.querySelector<HTMLInputElement>('#package-query')!;
  const answer = document.querySelector<HTMLElement>('#package-answer')!;
  const begin = performance.now();
  input.value = question;
  input.dispatchEvent(new Event('input'));
  while (answer.dataset['question'] !== question) await new Promise((resolve) => setTimeout(resolve, 0));
  // Until it is painted.
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  return performance.now() - begin;
}

export async function siteCases(): Promise<Bench> {
  const writing = await Writing.open();
  const beside = (what: string, unit: string, bound: number, ours: () => Promise<number>): Case => ({
    bench: 'site',
    case: `${what}, beside ${bound} ${unit}`,
    unit,
    target: { atMost: 1 },
    runs: 3,
    seconds: { ours: 20, peer: 0 },
    ours,
    peer: () => Promise.resolve(bound),
  });
  return {
    cases: [
      beside(`a site of ${size.images} images`, 's', max.seconds, () => writing.seconds()),
      beside('peak memory of it', 'MiB', max.mebibytes, () => writing.mebibytes()),
      beside('its first page with all it loads', 'kB', max.kilobytes, () => writing.kilobytes()),
      beside('a search in it', 'ms', max.searchMilliseconds, () => writing.searchMilliseconds()),
    ],
    close: () => writing.close(),
  };
}

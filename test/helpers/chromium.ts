/** Debian's Chromium without a window, as a user who owns nothing: its own sandbox then works, and needs no root. */
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const nobody = 65_534;

/** What a page did that no page of ours may do. */
export interface Faults {
  /** Messages of the console, warnings and errors of its policy among them. */
  console: string[];
  /** URLs of other hosts that it asked. */
  outside: string[];
  /** Texts of dialogs: each is a script that got in. */
  dialogs: string[];
}

export class HeadlessChromium {
  readonly #browser: Browser;
  readonly #profile: string;

  private constructor(browser: Browser, profile: string) {
    this.#browser = browser;
    this.#profile = profile;
  }

  static async start(): Promise<HeadlessChromium> {
    const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
    await chown(profile, nobody, nobody);
    const browser = await chromium.launch({
      executablePath: '/usr/bin/setpriv',
      // Its own flags would go to setpriv.
      ignoreDefaultArgs: true,
      args: [
        `--reuid=${nobody}`,
        `--regid=${nobody}`,
        '--clear-groups',
        '/usr/bin/chromium',
        '--headless',
        '--remote-debugging-pipe',
        `--user-data-dir=${profile}`,
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-dev-shm-usage',
        'about:blank',
      ],
      env: { HOME: profile, PATH: process.env['PATH'] ?? '' },
    });
    return new HeadlessChromium(browser, profile);
  }

  /** `url` is where the page may ask anything. */
  async page(url: string, options: BrowserContextOptions = {}): Promise<{ page: Page; faults: Faults }> {
    const context = await this.#browser.newContext(options);
    const page = await context.newPage();
    const faults: Faults = { console: [], outside: [], dialogs: [] };
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.console.push(message.text());
    });
    page.on('pageerror', (error) => faults.console.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:'))
        faults.outside.push(request.url());
    });
    page.on('dialog', (dialog) => {
      faults.dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    return { page, faults };
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}

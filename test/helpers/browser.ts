/**
 * Debian's Chromium, driven by playwright: as the user nobody, in the sandbox of its own. It may read what only root may
 * look at, because a checkout can lie there.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { asNobody } from './milliner.ts';

export interface OpenBrowser {
  browser: Browser;
  close: () => Promise<void>;
}

export async function openBrowser(): Promise<OpenBrowser> {
  const home = await mkdtemp(join(tmpdir(), 'milliner-browser-'));
  const program = join(home, 'chromium');
  await writeFile(program, `#!/bin/sh\nexec ${asNobody.join(' ')} /usr/bin/chromium "$@"\n`);
  await chmod(program, 0o755);
  await chmod(home, 0o777);
  const browser = await chromium.launch({
    executablePath: program,
    chromiumSandbox: true,
    env: { PATH: process.env['PATH'], HOME: home, LANG: 'C.UTF-8' },
  });
  const close = async () => {
    await browser.close();
    await rm(home, { recursive: true, force: true });
  };
  return { browser, close };
}

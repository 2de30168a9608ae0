/** A page in a browser, and all that it says or asks for beside what it shows. */
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export interface Visit {
  page: Page;
  /** Lines of the console, errors, and requests that failed or left the site. */
  complaints: string[];
}

export async function visit(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`${page.url()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on('dialog', (dialog) => {
    complaints.push(`${page.url()}: a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('requestfailed', (request) => complaints.push(`${page.url()}: failed: ${request.url()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && request.url() !== 'data:,')
      complaints.push(`asked: ${request.url()}`);
  });
  return { page, complaints };
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
}

/** Violations of WCAG 2.2, levels A and AA. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate(
    "axe.run({ preload: false, runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] } })",
  )) as AxeResult;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${page.url()}: ${id}: ${target.join(' ')}: ${failureSummary}`),
  );
}

/** What can be focused and seen, and what Tab comes to, each by its position in the document. */
export async function keyboardReach(
  page: Page,
): Promise<{ focusable: number; reached: number; unmarked: string[] }> {
  const focusable = await page.evaluate(() => {
    const found = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')];
    const seen = found.filter((one) => one.checkVisibility() && !(one as HTMLInputElement).disabled);
    for (const [index, one] of seen.entries()) one.setAttribute('data-reach', String(index));
    return seen.length;
  });
  const reached = new Set<string>();
  const unmarked: string[] = [];
  for (let presses = 0; presses <= focusable; presses++) {
    await page.keyboard.press('Tab');
    const { reach, isMarked } = await page.evaluate(() => {
      const one = document.activeElement!;
      const { outlineStyle } = getComputedStyle(one);
      const node = one.querySelector('rect.node');
      const hasBorder = node !== null && getComputedStyle(node).strokeWidth === '2.5px';
      return { reach: one.getAttribute('data-reach'), isMarked: outlineStyle !== 'none' || hasBorder };
    });
    if (reach === null) continue;
    reached.add(reach);
    if (!isMarked) unmarked.push(reach);
  }
  return { focusable, reached: reached.size, unmarked };
}

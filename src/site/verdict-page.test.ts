/** The page of a verdict: whole, closed to all but its own style, and unharmed by what an image says. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { htmlPage } from '../../test/helpers/elements.ts';
import { hostileText } from '../../test/helpers/hostile-text.ts';
import { failedAttempt, passedVerdict, richVerdict } from '../../test/helpers/verdicts.ts';
import { verdictPage } from './verdict-page.ts';

/** What a browser takes for the policy of the page. */
const policyOf = (page: string) =>
  /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!.replaceAll('&#x3D;', '=');

test('nothing but its own style is allowed', () => {
  const page = verdictPage(passedVerdict);
  const style = /<style>([^]*?)<\/style>/.exec(page)![1]!;
  const hash = createHash('sha256').update(style).digest('base64');
  expect(policyOf(page)).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
  expect(page).not.toMatch(/<script|\son\w+=|\sstyle=|<link rel="stylesheet"/);
});

test('all that a verdict tells is on it', () => {
  const page = verdictPage(richVerdict);
  const { text: told } = htmlPage(page);
  for (const text of [
    'app.service',
    'tcp 8080',
    '/usr/bin/su',
    'cap_net_raw=ep',
    'port-opened',
    '3 of the last 20',
  ])
    expect(told).toContain(text);
  expect(page.match(/<rect /g)!.length).toBeGreaterThan(4);
});

test('text of an image is text', () => {
  const elements = (text: string) => {
    const page = verdictPage({
      ...richVerdict,
      name: text,
      failedAttempts: [{ ...failedAttempt, causes: [{ code: 'exited', message: text, instance: 1 }] }],
      instances: [
        {
          ...richVerdict.instances[0]!,
          log: [text],
          failedUnits: [text],
          journalErrors: [{ unit: text, message: text }],
          units: [{ unit: text, state: text, start: 0, active: 1 }],
        },
      ],
    });
    return htmlPage(page).elements;
  };
  const plain = elements('felt');
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(elements(`x${text}`)).toEqual(plain);
    }),
    { numRuns: 50 },
  );
});

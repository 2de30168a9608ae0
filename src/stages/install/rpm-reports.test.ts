import { expect, test } from 'vitest';
import { messages, type Message } from './rpm-messages.ts';
import type { OwnedScriptlet } from './scriptlet-runs.ts';
import { checkTransaction } from './transaction-checks.ts';
import { emptyLog, type TransactionLog } from './transaction.ts';
import { ReportScanner } from './rpm-reports.ts';

const nevra = 'a-package-1.0-2.fc42.noarch';
const known = { labels: new Set([`%post(${nevra})`]), owners: new Set(['no body']) };

function wordsOf(...pieces: string[]) {
  const scanner = new ReportScanner(known);
  for (const piece of pieces) scanner.push(Buffer.from(piece));
  return scanner.end();
}

/** The message as rpm writes it. */
function sampleOf({ text }: Message): string {
  const label = /scriptlet failed|^Couldn't (?:create temporary|dup|fork)/.test(text)
    ? `%post(${nevra})`
    : 'word';
  let isFirst = true;
  const filled = text.replaceAll(/%(?:lu|[sducm%])/g, (one) => {
    if (one === '%%') return '%';
    if (one === '%d' || one === '%u' || one === '%lu') return '12';
    const value = isFirst ? label : 'word';
    isFirst = false;
    return value;
  });
  return filled.replace(
    /(lua script(?:let)?: |lua script failed: )word/,
    `$1[string "%post(${nevra})"]:3: word`,
  );
}

const scriptlet = (given: Partial<OwnedScriptlet>): OwnedScriptlet => ({
  kind: 'post',
  interpreter: ['/bin/sh'],
  body: 'true',
  flags: 0,
  conditions: [],
  nevra,
  name: 'a-package',
  ...given,
});

function logOf(text: string, given: Partial<TransactionLog> = {}): TransactionLog {
  const scriptlets = [
    scriptlet({}),
    scriptlet({ interpreter: ['<lua>'] }),
    scriptlet({ flags: 1, kind: 'pre' }),
  ];
  return { ...emptyLog, scriptlets, reports: wordsOf(text), ...given };
}

const none = { scriptlets: [], owners: [] };
const answerTo = (log: TransactionLog) => {
  try {
    return checkTransaction(log, [], none, false);
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test.each(messages.map((one) => [one.text, one] as const))('%s', (_, message) => {
  const sample = `error: ${sampleOf(message)}\n`;
  // What rpm's exit code tells, words cannot tell otherwise; and what files and processes tell neither.
  expect(answerTo(logOf(sample))).toEqual(message.answer === 'failed' ? 'SCRIPTLET_FAILED' : []);
  const code = message.answer === 'failed' ? 'SCRIPTLET_FAILED' : 'INSTALL_FAILED';
  expect(answerTo(logOf(sample, { exitCode: 1 }))).toBe(code);
});

const failed = `%post(${nevra}) scriptlet failed, exit status 3`;

test.each([
  ['half a line before it', `Registering ... warning: ${failed}\n`],
  ['a return before it', `10%\r20%\rwarning: ${failed}\n`],
  ['something else between the two pieces', `warning: \nfrom behind${failed}\n`],
  ['a million characters and no line before it', `${'x'.repeat(1_000_000)}${failed}\n`],
  ['a million after it', `${failed}${'x'.repeat(1_000_000)}`],
  ['two hundred thousand warnings before it', `${'warning: something old\n'.repeat(200_000)}${failed}\n`],
  ['nothing behind it', failed],
  ['bytes that are no text around it', `\u00ff\u0000${failed}\u0000`],
])('found with %s', (_, text) => {
  expect(wordsOf(text)).toMatchObject([{ kind: '%post', nevra, words: 'exit status 3' }]);
});

test('found wherever it is cut into pieces', () => {
  const text = `${'x'.repeat(3000)}${failed}\n${'y'.repeat(3000)}`;
  for (let at = 2990; at < 3080; at++) {
    expect(wordsOf(text.slice(0, at), text.slice(at))).toMatchObject([{ nevra }]);
  }
  expect(wordsOf(...text.split(''))).toMatchObject([{ nevra }]);
});

test('memory has a bound, within which whoever is known finds a place', () => {
  const scanner = new ReportScanner(known);
  for (let i = 0; i < 2000; i++) {
    scanner.push(Buffer.from(`%post(p${i}-1-1.noarch) scriptlet failed, exit status 1\n`));
    scanner.push(Buffer.from(`%x${i}(${nevra}) scriptlet failed, exit status 1\n`));
    scanner.push(Buffer.from(`%post(${nevra}) scriptlet failed, exit status ${1000 + i}\n`));
    scanner.push(Buffer.from(`warning: user u${i} does not exist - using root\n`));
    scanner.push(Buffer.from(`lua script failed: ${i}\n`));
  }
  scanner.push(Buffer.from(`${failed}\nwarning: user no body does not exist - using root\n`));
  const found = Map.groupBy(scanner.end(), ({ message }) => message.answer);
  expect(found.get('failed')).toHaveLength(1000);
  expect(found.get('traced')).toMatchObject([{ nevra }]);
  expect(found.get('owner')).toMatchObject([{ nevra: 'no body' }]);
});

test('the label of a Lua error may be cut, or not be there', () => {
  expect(
    wordsOf('lua script failed: [string "%post(h3-a-rather-long-name-of-a-pac..."]:1: no room\n'),
  ).toMatchObject([
    { kind: '%post', nevra: 'h3-a-rather-long-name-of-a-pac', isCut: true, words: '1: no room' },
  ]);
  expect(wordsOf('lua script failed: no place\n')).toMatchObject([{ words: 'no place', isCut: false }]);
});

test('an owner that stands behind half a line', () => {
  expect(wordsOf('adding user warning: user no body does not exist - using root\n')).toMatchObject([
    { kind: 'user', nevra: 'no body' },
  ]);
});

test('words of Lua do not count where nothing of Lua runs', () => {
  const lua = 'lua script failed: [string "%post(x-1-1.noarch)"]:1: y\n';
  expect(answerTo(logOf(lua, { scriptlets: [scriptlet({})] }))).toEqual([]);
});

/** `milliner report` renders a stored report and sends it; JUnit's own schema takes what it writes. */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderNight } from '../../../src/pipeline/report/render-night.ts';
import { nightReportSchema } from '../../../src/stages/report/night-report.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { checkout, Desk } from '../../helpers/milliner.ts';
import { nightReport, type FieldText } from '../../helpers/night-report.ts';
import { WebhookReceiver } from '../../helpers/webhook-receiver.ts';

useOneProcess();

const hostile: FieldText = (field) => `${field}<script>|\n"&'\u0007]]>\u001B[2J{{set}}`;

let desk: Desk;
let stored: string;
beforeAll(async () => {
  desk = await Desk.open();
  stored = desk.path('night.json');
  await writeFile(stored, JSON.stringify(nightReport(hostile)));
});
afterAll(() => desk.remove());

/** What xmllint says against the schema of Jenkins; empty if it takes the document. */
function xmllint(xml: string): string {
  const schema = join(checkout, 'test/helpers/junit-10.xsd');
  const { status, stderr } = spawnSync('xmllint', ['--nonet', '--noout', '--schema', schema, '-'], {
    input: xml,
    encoding: 'utf8',
  });
  return status === 0 ? '' : stderr;
}

test.each(['markdown', 'html', 'junit', 'text'] as const)('as %s', async (format) => {
  const { code, stdout } = await desk.run(['report', stored, '--format', format]);
  expect(code).toBe(0);
  expect(stdout).toBe(await renderNight(nightReportSchema.parse(nightReport(hostile)), format));
  expect(await desk.json(['report', stored, '--format', format])).toEqual({ format, text: stdout });
});

test("JUnit's schema takes it", async () => {
  const { stdout } = await desk.run(['report', stored, '--format', 'junit']);
  expect(xmllint(stdout)).toBe('');
  // The schema looks: it refuses what is not JUnit.
  expect(xmllint(stdout.replaceAll('testcase', 'testcafe'))).toContain('testcafe');
});

test("JUnit's schema takes any text", async () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  for (const [own] of fc.sample(fc.tuple(text), 30)) {
    const report = nightReportSchema.parse(nightReport((field, isKey) => `${own}${isKey ? field : ''}`));
    expect(xmllint(await renderNight(report, 'junit'))).toBe('');
  }
});

test('into a file that is named by the day', async () => {
  const { path } = await desk.json<{ path: string }>([
    'report',
    stored,
    '--format',
    'html',
    '--output',
    desk.path('nights/{{date}}.html'),
  ]);
  expect(path).toBe(desk.path('nights/2026-11-30.html'));
  expect(await readFile(path, 'utf8')).toMatch(/^<!DOCTYPE html>/);
});

test('to a webhook, once', async () => {
  const receiver = await WebhookReceiver.start();
  const secret = `whsec_${Buffer.alloc(24, 3).toString('base64')}`;
  await writeFile(desk.path('secret'), secret);
  const args = ['report', stored, '--webhook', receiver.url, '--secret', desk.path('secret')];
  const first = await desk.json<{ outcome: string; id: string }>(args);
  expect(first.outcome).toBe('delivered');
  expect(await desk.json(args)).toMatchObject({ outcome: 'repeated', id: first.id });
  const [delivery] = receiver.received;
  expect(new Webhook(secret).verify(delivery!.body, delivery!.headers)).toMatchObject({ set: 'fedora' });
  receiver.answers = [{ status: 410 }];
  const other = [...args.slice(0, 2), '--webhook', `${receiver.url}2`, ...args.slice(4)];
  expect(await desk.fails(other)).toMatchObject({ code: 'WEBHOOK_FAILED', exit: 8 });
  await receiver.close();
});

test.each([
  ['absent.json', [], 'REPORT_INVALID', 3],
  ['recipes', [], 'REPORT_INVALID', 3],
  ['night.json', ['--format', 'pdf'], 'USAGE', 2],
  ['night.json', ['--webhook', 'https://x.example.com'], 'USAGE', 2],
  ['night.json', ['--output', 'recipes'], 'OUTPUT_UNUSABLE', 3],
])('%s %j', async (name, flags, code, exit) => {
  expect(await desk.fails(['report', desk.path(name), ...flags])).toMatchObject({ code, exit });
});

/** Metrics of a state, its queue and its nights, read by the parser of Prometheus' own client for Python. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { LineSplitter } from '../../../src/lib/host/lines.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { sendReports } from '../../../src/pipeline/report/send-reports.ts';
import { openMetricsText } from '../../../src/stages/report/openmetrics.ts';
import { askPage as ask } from '../../helpers/ask-page.ts';
import { Desk } from '../../helpers/milliner.ts';
import { harmless, nightReport } from '../../helpers/night-report.ts';

interface Family {
  name: string;
  type: string;
  unit: string;
  samples: { name: string; labels: Record<string, string>; value: number | string }[];
}

const program = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(json.dumps([dict(name=f.name, type=f.type, unit=f.unit,
  samples=[dict(name=s.name, labels=s.labels, value=s.value) for s in f.samples])
  for f in parse(sys.stdin.buffer.read().decode("utf-8"))]))`;

async function parsed(text: string): Promise<Family[]> {
  const { stdout } = await run('python3', ['-c', program], { input: text });
  return JSON.parse(stdout) as Family[];
}

function valuesOf(families: readonly Family[], name: string): Record<string, number | string> {
  const samples = families.find((family) => family.name === name)?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await desk.tiny('small', ['tiny-base'], {
    config: { entrypoint: ['/bin/sh', '-c', 'exit 0'] },
    test: { ready: { exit: 0 } },
  });
  await desk.build(desk.path('recipes/small.yaml'));
  await desk.json(['boot', 'small']);
});
afterAll(() => desk.remove());

const metrics = async () => {
  const { code, stdout, stderr } = await desk.run(['metrics']);
  expect(code, stderr).toBe(0);
  return parsed(stdout);
};

test('of an image that booted, without a queue', async () => {
  const families = await metrics();
  expect(valuesOf(families, 'milliner_images')).toEqual({ '': 1 });
  expect(valuesOf(families, 'milliner_image_packages')).toEqual({ 'small x86_64': 1 });
  expect(valuesOf(families, 'milliner_image_boot_passed')).toEqual({ 'small x86_64': 1 });
  expect(valuesOf(families, 'milliner_image_boot_seconds')['small x86_64']).toBeGreaterThan(0);
  expect(valuesOf(families, 'milliner_image_size_bytes')['small x86_64']).toBeGreaterThan(1000);
  expect(valuesOf(families, 'milliner_state_disk_free_bytes')['']).toBeGreaterThan(0);
  expect(families.find(({ name }) => name === 'milliner')).toMatchObject({ type: 'info' });
  expect(families.filter(({ name }) => name.includes('queue'))).toEqual([]);
  const { metrics: listed } = await desk.json<{ metrics: { name: string; samples: object[] }[] }>([
    'metrics',
  ]);
  const names = listed.filter(({ samples }) => samples.length > 0).map(({ name }) => name);
  expect(families.map(({ name }) => name)).toEqual(names);
});

test('of the last night of each set', async () => {
  await sendReports(
    { state: desk.state, progress: silent, signal: undefined },
    desk.directory,
    [],
    nightReport(harmless),
  );
  const families = await metrics();
  expect(valuesOf(families, 'milliner_night_images')).toEqual({
    'fedora published': 2,
    'fedora unchanged': 1,
    'fedora failed': 1,
    'fedora held': 1,
    'fedora quarantined': 1,
    'fedora skipped': 1,
  });
  expect(valuesOf(families, 'milliner_night_flaky_images')).toEqual({ fedora: 1 });
  expect(valuesOf(families, 'milliner_night_duration_seconds')).toEqual({ fedora: 750 });
  expect(valuesOf(families, 'milliner_night_started_timestamp_seconds')).toEqual({
    fedora: Date.parse('2026-11-30T02:00:00Z') / 1000,
  });
});

test('of the queue, and of one that does not answer', async () => {
  expect((await desk.run(['queue', 'status'])).code).toBe(0);
  const families = await metrics();
  expect(valuesOf(families, 'milliner_queue_up')).toEqual({ '': 1 });
  expect(valuesOf(families, 'milliner_queue_releases')).toEqual({
    queued: 0,
    running: 0,
    released: 0,
    failed: 0,
  });
  expect(valuesOf(families, 'milliner_queue_workers')).toEqual({ '': 0 });
  const gone = await desk.run(['metrics'], { env: { MILLINER_REDIS: 'redis://127.0.0.1:1' } });
  expect(gone.code).toBe(0);
  expect(valuesOf(await parsed(gone.stdout), 'milliner_queue_up')).toEqual({ '': 0 });
});

test('a state that is not there is an error', async () => {
  const args = ['metrics', '--state', desk.path('absent')];
  expect(await desk.fails(args)).toMatchObject({ code: 'STATE_INVALID' });
});

/** Starts a worker; gives where it serves its metrics. */
async function startWorker(place: string) {
  const worker = desk.start(['worker', '--log', 'json', '--metrics', place]);
  const address = await new Promise<string>((done, fail) => {
    const lines = new LineSplitter((line) => {
      const [, where] = /"message":"serves metrics at ([^"]+)"/.exec(line) ?? [];
      if (where !== undefined) done(where);
    });
    worker.stderr.on('data', (chunk: Buffer) => lines.push(chunk));
    void worker.then(({ stderr }) => fail(new Error(stderr)));
  });
  return { worker, address };
}

test('a worker serves them on a port of loopback, and not to the page of a stranger', async () => {
  const { worker, address } = await startWorker('0');
  const [host, port] = address.split(':');
  const { status, type, text } = await ask({ host: host!, port: port! });
  expect([status, type]).toEqual([200, 'application/openmetrics-text; version=1.0.0; charset=utf-8']);
  const families = await parsed(text);
  expect(valuesOf(families, 'milliner_queue_up')).toEqual({ '': 1 });
  expect(valuesOf(families, 'milliner_queue_workers')).toEqual({ '': 1 });
  // Nothing of the host that a reader of metrics need not know.
  expect(text).not.toContain(desk.directory);
  expect((await ask({ host: host!, port: port!, headers: { host: 'rebound.example.com' } })).status).toBe(
    421,
  );
  worker.kill('SIGTERM');
  await worker;
});

test('a worker serves them on a socket, which is gone with it', async () => {
  const socketPath = desk.path('metrics.sock');
  const { worker, address } = await startWorker(socketPath);
  expect(address).toBe(socketPath);
  expect((await parsed((await ask({ socketPath })).text)).length).toBeGreaterThan(5);
  worker.kill('SIGTERM');
  await worker;
  await expect(ask({ socketPath })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a place that is taken stops the worker', async () => {
  const file = desk.path('taken');
  await writeFile(file, '');
  expect(await desk.fails(['worker', '--metrics', file])).toMatchObject({ code: 'PORT_UNUSABLE', exit: 8 });
});

test('any label and number is read as it was written', async () => {
  const values = [0, -1.5, 1e300, 4e-320, Number.MAX_SAFE_INTEGER];
  const labels = ['', '"', '\\', '\n', '\\n', '{}', ',', 'a="b"', ' # x', '\u{1F3A9}', '\r', '\t'];
  const [family] = await parsed(
    openMetricsText([
      {
        name: 'milliner_probe',
        type: 'gauge',
        help: 'With \\ and " and\na line.',
        samples: labels.flatMap((label) =>
          values.map((value, at) => ({ labels: { at: String(at), label }, value })),
        ),
      },
    ]),
  );
  expect(family!.samples.map((sample) => [sample.labels['label'], sample.value])).toEqual(
    labels.flatMap((label) => values.map((value) => [label, value])),
  );
});

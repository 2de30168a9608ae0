/** What podman, Compose and Kubernetes are told about an image: quadlets by podman 5's own generator. */
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { Exported } from '../../../src/pipeline/export/export-image.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { trixie } from '../../helpers/trixie.ts';

useOneProcess();

const generator = '/usr/lib/systemd/system-generators/podman-system-generator';

let bench: Bench;
let image: string;
beforeAll(async () => {
  bench = await Bench.open();
  const fields = {
    config: {
      entrypoint: ['/bin/sh', '-c', "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
      exposedPorts: ['8080/tcp'],
      volumes: ['/srv/data'],
      stopSignal: 'SIGTERM',
    },
    test: {
      settle: '1s',
      limits: { memory: '64M', pids: 99, cpus: 0.5, bandwidth: '10mbit' },
      checks: [{ exec: ['/bin/sh', '-c', 'test "$HOME" && echo 100%'] }],
      stop: { timeout: '7s' },
    },
  };
  const { manifestDigest } = await bench.booted('hat', ['tiny-base'], fields);
  image = `${bench.server.host}/hats/hat@${manifestDigest}`;
});
afterAll(() => bench.close());

const exported = (format: string, ...flags: string[]) =>
  bench.desk.json<Exported>(['export', format, 'hat', ...flags]);

test('an image that is in no registry is exported only with its place', async () => {
  expect(await bench.desk.fails(['export', 'kube', 'hat'])).toMatchObject({ code: 'USAGE' });
  const { files } = await exported('kube', '--reference', 'registry.example.com/hats/hat');
  expect(files['hat.yaml']).toContain(`registry.example.com/hats/hat@sha256:`);
  await bench.publish('hat', `${bench.server.host}/hats/hat:1`);
  expect((await exported('kube')).files['hat.yaml']).toContain(image);
});

test("podman's generator takes the quadlets, with digest, limits, ports, volume, health and stop", async () => {
  const units = bench.desk.path('units');
  const { lacks } = await exported('quadlet', '--output', units);
  expect(lacks).toEqual(['test.limits.bandwidth']);
  const out = bench.desk.path('generated');
  await mkdir(out);
  const { stdout } = await trixie(generator, ['--dryrun'], { env: { QUADLET_UNIT_DIRS: units } });
  const start = /^ExecStart=(.*hat@sha256.*)$/m.exec(stdout)![1]!;
  for (const word of [
    image,
    '--memory=67108864',
    '--memory-swap=67108864',
    '--cpus=0.5',
    '--pids-limit 99',
    '--stop-timeout=7',
    '--stop-signal=SIGTERM',
    '127.0.0.1:8080:8080/tcp',
    ':/srv/data',
    '--health-cmd',
  ])
    expect(start).toContain(word);
  expect(stdout).toMatch(/hat-data-volume\.service/);
});

test('Compose and Kubernetes get the same facts', async () => {
  const compose = parse((await exported('compose')).files['compose.yaml']!) as { services: { hat: object } };
  expect(compose.services.hat).toMatchObject({
    image,
    ports: [{ target: 8080, published: '8080', host_ip: '127.0.0.1', protocol: 'tcp' }],
    volumes: [{ type: 'volume', source: 'hat-data', target: '/srv/data' }],
    healthcheck: { test: ['CMD', '/bin/sh', '-c', 'test "$$HOME" && echo 100%'] },
    deploy: { resources: { limits: { cpus: '0.5', memory: '67108864', pids: 99 } } },
    stop_grace_period: '7s',
  });
  const { files, lacks } = await exported('kube');
  expect(lacks).toEqual(['test.limits.bandwidth', 'hat: test.limits.pids (99)']);
  const objects = parseAllDocuments(files['hat.yaml']!).map((one) => one.toJS() as { kind: string });
  expect(objects.map(({ kind }) => kind)).toEqual(['PersistentVolumeClaim', 'Deployment', 'Service']);
  const template = { spec: { terminationGracePeriodSeconds: 7, containers: [{ image }] } };
  expect(objects[1]).toMatchObject({ spec: { replicas: 1, template } });
});

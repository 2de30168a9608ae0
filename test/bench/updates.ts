/**
 * What a month of nightly images costs a client that has yesterday's, beside the RPMs that have changed: in one layer,
 * in ours, in the best plan of as many layers, and in zstd:chunked as a registry serves it to a real client.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { readPackage } from '../../src/lib/rpm/package.ts';
import { cache } from '../helpers/demo-recipes.ts';
import { ClientStorage } from '../helpers/podman-storage.ts';
import { CountingProxy } from '../helpers/registry/counting-proxy.ts';
import { RegistryServer } from '../helpers/registry/registry-server.ts';
import { bestPlan, PackageSizes } from './best-plan.ts';
import type { Bench, Case } from './case.ts';
import { chanceOf, drawMonth } from './month.ts';
import { level, NightlyImages, type Image, type Layer } from './nightly.ts';
import { drawLines } from './plot.ts';
import { rebuiltPackages } from './rebuilt.ts';

const packages = join(cache, 'repository', 'packages');

const series = {
  oneLayer: 'one layer',
  layers: 'our layers',
  optimum: 'the best plan of as many layers',
  chunked: 'zstd:chunked as served',
  packages: 'the changed RPMs',
};
type Series = keyof typeof series;
/** Bytes of each night. */
type Month = Record<Series, number[]>;

export async function updateCases(): Promise<Bench> {
  const place = await mkdtemp(join(cache, 'bench-'));
  const registry = await RegistryServer.start({ directory: join(place, 'registry') });
  const proxy = await CountingProxy.start(registry.url);
  let measured: Promise<Month> | undefined;
  const month = () => (measured ??= measureMonth(place, registry, proxy));
  const mebibytes = async (name: Series) => sum((await month())[name]) / 1024 ** 2;
  const beside = (ours: Series, peer: Series, target?: Case['target']): Case => ({
    bench: 'updates',
    case: `${series[ours]}, beside ${series[peer]}`,
    unit: 'MiB',
    target,
    // Bytes are the same each time.
    runs: 1,
    seconds: { ours: 900, peer: 900 },
    ours: () => mebibytes(ours),
    peer: () => mebibytes(peer),
  });
  return {
    cases: [
      beside('oneLayer', 'packages'),
      beside('layers', 'packages'),
      beside('layers', 'optimum', { atMost: 1.15 }),
      beside('chunked', 'packages', { atMost: 2 }),
    ],
    plot: async () => plotOf(await month()),
    close: async () => {
      proxy.close();
      await registry.close();
      rmSync(place, { recursive: true, force: true });
    },
  };
}

async function measureMonth(place: string, registry: RegistryServer, proxy: CountingProxy): Promise<Month> {
  const rpms = readdirSync(packages)
    .filter((name) => name.endsWith('.rpm') && !name.startsWith('demo-'))
    .map((name) => join(packages, name));
  const sizes = new PackageSizes();
  const all = (await sizes.measure(rpms)).toSorted();
  const drawn = drawMonth(all);
  const rebuilt = await rebuiltPackages(drawn);
  const names = await Promise.all(rpms.map(async (rpm) => (await readPackage(rpm)).name));
  const images = new NightlyImages(place, registry.host, names.toSorted());
  let before = await images.build([], 0);
  const plan = bestPlan(sizes.bySource(), before.locked.layers.plan.length, chanceOf(all));
  const month: Month = { oneLayer: [], layers: [], optimum: [], chunked: [], packages: [] };
  const isChanged = await payloadsOf(rpms);
  for (const { night } of drawn) {
    const built = rebuilt.filter((one) => one.night === night);
    const changed: string[] = [];
    for (const rpm of built.flatMap((one) => one.rpms)) if (await isChanged(rpm)) changed.push(rpm);
    const sources = await sizes.measure(changed);
    const now = await images.build(changed, night);
    const added = newLayers(before, now, sources);
    const best = plan.filter((layer) => layer.some((source) => sources.includes(source))).flat();
    month.oneLayer.push(sizeInOne(now.layers.map(({ digest }) => images.blob(digest))));
    month.layers.push(sizeOf([...added.planned, ...added.others]));
    month.optimum.push(sum(best.map((source) => sizes.bySource().get(source)!)) + sizeOf(added.others));
    month.chunked.push(await pulledAfter(night, join(place, 'client'), proxy));
    month.packages.push(sum(changed.map((path) => statSync(path).size)));
    process.stdout.write(`night ${night}, sources ${sources.length}: ${describeLast(month)}\n`);
    images.forget();
    before = now;
  }
  return month;
}

/**
 * Bytes that a client which has yesterday's image is served of today's. It has nothing else: layers above a changed one it
 * makes again from its own, without the tables of contents by which it would compare the next with them.
 */
async function pulledAfter(night: number, place: string, proxy: CountingProxy): Promise<number> {
  const client = new ClientStorage(place);
  await client.pull(`${proxy.host}/nightly:${night - 1}`, 'yesterday');
  proxy.take();
  await client.pull(`${proxy.host}/nightly:${night}`, 'today');
  rmSync(place, { recursive: true });
  return sum(proxy.take().map(({ bytes }) => bytes));
}

/** Tells whether a package holds something else than the last of its name: small ones may have nothing that changes. */
async function payloadsOf(rpms: readonly string[]): Promise<(rpm: string) => Promise<boolean>> {
  const payloads = new Map<string, string | undefined>();
  const isChanged = async (rpm: string) => {
    const { name, payload } = await readPackage(rpm);
    const before = payloads.get(name);
    payloads.set(name, payload.digest?.hex);
    return before !== payload.digest?.hex;
  };
  for (const rpm of rpms) await isChanged(rpm);
  return isChanged;
}

/** Those that yesterday's image has not. Throws where the plan has let another change than it had to. */
function newLayers(
  before: Image,
  now: Image,
  sources: readonly string[],
): Record<'planned' | 'others', Layer[]> {
  const there = new Set(before.layers.map(({ digest }) => digest));
  const touched = now.locked.layers.plan.filter((layer) => layer.some((source) => sources.includes(source)));
  const planned = new Set(now.locked.layers.plan.map((layer) => layer.join(', ')));
  const added = now.layers.filter(({ digest }) => !there.has(digest));
  const parts = {
    planned: added.filter(({ holds }) => planned.has(holds)),
    others: added.filter(({ holds }) => !planned.has(holds)),
  };
  const expected = touched.map((layer) => layer.join(', ')).toSorted();
  const found = parts.planned.map(({ holds }) => holds).toSorted();
  if (expected.join(';') !== found.join(';')) {
    throw new Error(`changed layers: ${found.join('; ')}; of changed packages: ${expected.join('; ')}`);
  }
  return parts;
}

/** Bytes of all layers' tar streams compressed as one. */
function sizeInOne(blobs: readonly string[]): number {
  const script = 'level=$1; shift; zstd -q -dc "$@" | zstd -q -"$level" -T0 -c | wc -c';
  return Number(execFileSync('bash', ['-o', 'pipefail', '-c', script, '-', String(level), ...blobs]));
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
const sizeOf = (layers: readonly Layer[]) => sum(layers.map(({ size }) => size));

function describeLast(month: Month): string {
  return Object.entries(month)
    .map(([name, bytes]) => `${series[name as Series]} ${(bytes.at(-1)! / 1024 ** 2).toFixed(1)} MiB`)
    .join(', ');
}

function plotOf(month: Month): string {
  const lines = Object.entries(series).map(([key, name]) => {
    let total = 0;
    return { name, values: month[key as Series].map((bytes) => (total += bytes) / 1024 ** 2) };
  });
  return drawLines('A month of nightly images: MiB downloaded until each night', lines);
}

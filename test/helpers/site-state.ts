/** A state directory filled with images, boots and nights that no build has made, for tests and benches of the site. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalDigest, type Digest } from '../../src/lib/oci/digest.ts';
import { silent } from '../../src/lib/host/progress.ts';
import type { StateContext } from '../../src/pipeline/state/context.ts';
import { writeRecord, type ImageRecord } from '../../src/pipeline/state/image-records.ts';
import { rememberNight } from '../../src/pipeline/state/nights.ts';
import { addPublication } from '../../src/pipeline/state/publications.ts';
import { writeVerdict } from '../../src/pipeline/state/verdicts.ts';
import { nightReportSchema, type NightReportInput } from '../../src/stages/report/night-report.ts';
import { testSchema } from '../../src/stages/recipe/schema.ts';
import { failedAttempt, passedVerdict } from './verdicts.ts';

export interface StateSize {
  images: number;
  /** Names of packages, each in a few versions. */
  packages: number;
  nights: number;
  /** Packages of one image. */
  perImage: number;
}

/** What free text of others says; the name of the field by default. */
export type FreeText = (field: string) => string;

export const small: StateSize = { images: 14, packages: 60, nights: 9, perImage: 24 };

const digestOf = (...of: (string | number)[]): Digest => canonicalDigest(of);
const families = [
  'openssl',
  'glibc',
  'systemd',
  'bash',
  'coreutils',
  'mariadb',
  'nginx',
  'python3',
  'perl',
  'zlib',
];

/** Each hundredth image is a base of the others; every ninth one failed to boot. */
export async function fillState(
  state: string,
  size: StateSize,
  text: FreeText = (field) => field,
): Promise<void> {
  await mkdir(state, { recursive: true });
  for (let index = 0; index < size.images; index++) {
    if (index % 5 === 0) await writeImage(state, size, index, 0, text);
    await writeImage(state, size, index, 1, text);
  }
  for (let night = 0; night < size.nights; night++) await writeNight(state, size, night, text);
}

export function nameOf(index: number): string {
  const kinds = ['base', 'web', 'database', 'cache', 'worker', 'proxy', 'metrics'];
  return index === 0 ? 'fedora-base' : `fedora-${kinds[index % kinds.length]}-${index}`;
}

/** Bases: the first of all, and one in ten. */
function baseIndexOf(index: number): number | undefined {
  if (index === 0) return undefined;
  return index % 10 === 1 ? 0 : 1 + 10 * Math.floor((index - 1) / 10);
}

function nevraOf(position: number, build: number): string {
  const name =
    position < families.length
      ? families[position]!
      : `lib${families[position % families.length]}-${position}`;
  const epoch = position === 0 ? '1:' : '';
  return `${name}-${epoch}3.${position % 7}.${(position % 5) + build}-${1 + (position % 3)}.fc43.x86_64`;
}

function packagesOf({ packages, perImage }: StateSize, index: number, build: number): string[] {
  const shared = Math.floor(perImage / 2);
  const own = Array.from(
    { length: perImage - shared },
    (_, at) => shared + ((index * 37 + at * 11) % Math.max(1, packages - shared)),
  );
  const positions = new Set([...Array.from({ length: shared }, (_, at) => at), ...own]);
  return [...positions].map((position) => nevraOf(position, position % 9 === index % 9 ? build : 0));
}

const builtAt = (index: number, build: number) => Date.UTC(2026, 10, 20 + build, 2, index % 60);

async function writeImage(
  state: string,
  size: StateSize,
  index: number,
  build: number,
  text: FreeText,
): Promise<void> {
  const record = recordOf(size, index, build, text);
  await writeRecord(state, record);
  await writeVerdict(state, verdictOf(record, index, build, text));
  await addPublication(state, record.manifestDigest, [`registry.example.com/fedora/${record.name}:latest`]);
}

const manifestOf = (index: number, build = 1) => digestOf('image', index, build);

function layersOf(index: number, build: number, text: FreeText): ImageRecord['layers'] {
  const base = baseIndexOf(index);
  const below = base === undefined ? [] : layersOf(base, 1, text);
  const own = Array.from({ length: 4 }, (_, at) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
    digest: digestOf('layer', index, at, at === 3 ? build : 0),
    diffID: digestOf('diff', index, at, at === 3 ? build : 0),
    size: 400_000 * (1 + ((index * 7 + at * 13) % 29)) + build * 1000,
    recipe: nameOf(index),
    holds:
      at === 3
        ? 'state'
        : at === 2
          ? text('holds')
          : `${families.slice(at * 3, at * 3 + 4).join(', ')}, ${families.map((name) => `lib${name}`).join(', ')}`,
  }));
  return [...below, ...own];
}

function recordOf(size: StateSize, index: number, build: number, text: FreeText): ImageRecord {
  const base = baseIndexOf(index);
  return {
    version: 4,
    name: nameOf(index),
    arch: 'x86_64',
    arches: ['x86_64'],
    buildKey: digestOf('key', index, build),
    lockDigest: digestOf('lock', index, build),
    manifestDigest: manifestOf(index, build),
    configDigest: digestOf('config', index, build),
    manifestSize: 500,
    layers: layersOf(index, build, text),
    config: {
      cmd: ['/usr/sbin/init', text('command')],
      env: {},
      exposedPorts: ['80/tcp'],
      volumes: [],
      labels: {},
    },
    epoch: builtAt(index, build) / 1000,
    test: { ...testSchema.parse({}), init: true },
    packages: packagesOf(size, index, build),
    checksums: {},
    dbPath: '/usr/lib/sysimage/rpm',
    snapshot: `${nameOf(index)}@${manifestOf(index, build)}`,
    tree: digestOf('tree', index, build),
    ...(base !== undefined && { base: manifestOf(base) }),
    report: {
      normalised: [],
      removedKeys: [],
      state: [],
      verification: [],
      warnings: [text('warning')],
      log: [],
    },
  };
}

function verdictOf({ name, manifestDigest }: ImageRecord, index: number, build: number, text: FreeText) {
  const [instance] = passedVerdict.instances;
  const started = builtAt(index, build);
  const evidence = {
    ...instance!,
    readySeconds: 1.2 + (index % 9) / 4,
    stopSeconds: 0.4,
    exitCode: 0,
    journalErrors: [{ unit: text('unit'), message: text('journal') }],
    failedUnits: index % 9 === 4 ? [text('failed-unit')] : [],
    log: ['Welcome to Fedora', text('log'), 'Reached target multi-user.target'],
  };
  const checks = ['tcp 80', 'http http://localhost/health', text('check')].map((check, at) => ({
    check,
    instance: 1,
    passed: !(index % 9 === 4 && at === 2),
    attempts: 1 + (at % 2),
    seconds: 0.3 * (at + 1),
    ...(index % 9 === 4 && at === 2 && { problem: text('problem') }),
  }));
  const failed = index % 9 === 4;
  return {
    ...passedVerdict,
    name,
    manifestDigest,
    passed: !failed,
    causes: failed ? [{ code: 'check-failed' as const, message: text('cause'), instance: 1 }] : [],
    checks,
    readySeconds: evidence.readySeconds,
    peakMemory: 96_000_000 + index * 100_000,
    instances: [evidence],
    started: new Date(started).toISOString(),
    finished: new Date(started + 9000).toISOString(),
    ...(index % 7 === 3 && !failed && { failedAttempts: [failedAttempt] }),
  };
}

const manyImages = 25;

async function writeNight(state: string, size: StateSize, night: number, text: FreeText): Promise<void> {
  const started = Date.UTC(2026, 10, 29, 2) - (size.nights - 1 - night) * 86_400_000;
  const report: NightReportInput = {
    version: 1,
    set: 'fedora',
    started: new Date(started).toISOString(),
    finished: new Date(started + 1_500_000).toISOString(),
    images: Array.from({ length: size.images }, (_, index) => nightImage(size, index, night, text)),
  };
  await rememberNight(state, nightReportSchema.parse(report));
}

function nightImage(
  { images, nights }: StateSize,
  index: number,
  night: number,
  text: FreeText,
): NightReportInput['images'][number] {
  const recipe = nameOf(index);
  const image = { recipe, arches: ['x86_64'] };
  const turn = (index + night * 3) % Math.max(4, Math.floor(images / manyImages));
  if (index % 9 === 4 && turn < 2) {
    const failure = { stage: 'boot', code: 'BOOT_FAILED', message: text('failure'), hint: text('hint') };
    return { ...image, outcome: 'failed', failure };
  }
  if (turn === 2) return { ...image, outcome: 'held', hold: { reason: text('hold') } };
  if (turn !== 0) return { ...image, outcome: 'unchanged' };
  const isLast = night === nights - 1;
  return {
    ...image,
    outcome: 'published',
    digest: isLast ? manifestOf(index) : digestOf('night', index, night),
    previous: digestOf('night', index, night - 1),
    references: [`registry.example.com/fedora/${recipe}:latest`],
    reasons: [{ kind: 'package', from: nevraOf(0, 0), to: nevraOf(0, 1) }],
    packages: [
      { name: 'openssl', arch: 'x86_64', from: '3.0.0-1', to: '3.0.1-1', changelog: [text('changelog')] },
    ],
    advisories: [
      {
        id: `FEDORA-2026-${night}`,
        severity: 'Important',
        cves: [`CVE-2026-${1000 + night}`],
        title: text('advisory'),
      },
    ],
    updateBytes: 900_000 + ((index * night) % 11) * 300_000,
    size: 40_000_000 + index * 300_000 + night * 20_000,
    boot: { readySeconds: 1.5 + ((index + night) % 7) / 5, retries: 0 },
  };
}

/** For what needs the state alone. */
export function stateOnly(state: string): StateContext {
  return { state, progress: silent } as unknown as StateContext;
}

export const siteOf = (directory: string) => join(directory, 'site');

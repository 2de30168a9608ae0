/** The lint refuses each import against the directions of src, and lets those along them pass. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkout } from '../../helpers/milliner.ts';

const libraries = [['errors'], ['oci'], ['host'], ['http', 'container', 'rpm'], ['registry']];
const stages = [
  'recipe',
  'repo',
  'solve',
  'lock',
  'content',
  'snapshot',
  'install',
  'layer',
  'image',
  'boot',
];
stages.push('sign', 'night', 'report');
const wings = [
  'state',
  'packages',
  'trust',
  'setup',
  'base',
  'lock',
  'instance',
  'publish',
  'build',
  'transfer',
];
wings.push('report', 'night');

type Verdict = 'refused' | 'types' | 'allowed';
const inLibraries = libraries.flat().map((name) => `lib/${name}`);
const inStages = stages.map((name) => `stages/${name}`);
const inWings = wings.map((name) => `pipeline/${name}`);
const tops = ['site', 'queue', 'nightly', 'github', 'dashboard', 'cli', 'commands'];
const all = [...inLibraries, ...inStages, ...inWings, ...tops];

/** What a file of one folder may import of another. */
function verdict(from: string, to: string): Verdict {
  if (from === to) return 'allowed';
  const [own, other] = [from, to].map((path) => path.split('/')) as [[string, string], [string, string]];
  if (own[0] === 'lib') {
    const [one, another] = [own[1], other[1]].map((name) => libraries.findIndex((row) => row.includes(name)));
    return other[0] === 'lib' && another! < one! ? 'allowed' : 'refused';
  }
  if (other[0] === 'lib') return 'allowed';
  if (own[0] === 'stages') {
    if (other[0] !== 'stages' || stages.indexOf(other[1]) > stages.indexOf(own[1])) return 'refused';
    return own[1] === other[1] ? 'allowed' : 'types';
  }
  if (other[0] === 'stages') return own[0] === 'commands' ? 'types' : 'allowed';
  if (own[0] === 'pipeline') {
    if (other[0] !== 'pipeline') return 'refused';
    return wings.indexOf(other[1]) <= wings.indexOf(own[1]) ? 'allowed' : 'refused';
  }
  return other[0] === 'pipeline' || tops.indexOf(other[0]) <= tops.indexOf(own[0]) ? 'allowed' : 'refused';
}

/** A place of its own: other tests look at src. */
let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'milliner-directions-'));
  for (const name of ['oxlint.config.ts', 'tsconfig.json', 'package.json'])
    cpSync(join(checkout, name), join(place, name));
  symlinkSync(join(checkout, 'node_modules'), join(place, 'node_modules'));
});
afterAll(() => rmSync(place, { recursive: true }));

function probe(folder: string, name: string, lines: readonly string[]): string {
  mkdirSync(join(place, 'src', folder), { recursive: true });
  const path = join('src', folder, name);
  writeFileSync(join(place, path), `${lines.join('\n')}\n`);
  return path;
}

interface Found {
  code: string;
  filename: string;
  labels: { span: { line: number } }[];
}

function found(rule: string, paths: readonly string[]): string[] {
  const options = { cwd: place, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  const { stdout } = spawnSync('oxlint', ['--format', 'json', ...paths], options);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Found[] };
  const places = diagnostics
    .filter(({ code }) => code.includes(rule))
    .map(({ filename, labels }) => `${filename}:${labels[0]?.span.line}`);
  // Two patterns of one rule may match.
  return [...new Set(places)].toSorted();
}

test('each folder may import those below it alone', () => {
  const expected: string[] = [];
  const seen: string[] = [];
  const folders = [...all.map((folder) => [folder, folder]), ['stages/layer/tar', 'stages/layer']];
  for (const [folder, own] of folders.concat([
    ['stages/snapshot/thin', 'stages/snapshot'],
    ['commands/key', 'commands'],
  ])) {
    const lines: string[] = [];
    const path = join('src', folder!, 'probe.ts');
    const expectAt = (text: string, isRefused: boolean) => {
      lines.push(text);
      if (isRefused) expected.push(`${path}:${lines.length}`);
    };
    for (const to of all.filter((one) => one !== own)) {
      const source = `${relative(folder!, to)}/probe.ts`;
      const may = verdict(own!, to);
      expectAt(`import { probe as one${lines.length} } from '${source}';`, may !== 'allowed');
      expectAt(`import type { Probe as One${lines.length} } from '${source}';`, may === 'refused');
    }
    for (const name of ['node:child_process', 'child_process', 'execa']) expectAt(`import '${name}';`, true);
    seen.push(probe(folder!, 'probe.ts', lines));
  }
  expect(found('no-restricted-imports', seen)).toEqual(expected.toSorted());
});

test('no circle of imports, be it of types', () => {
  const one = probe('lib/host', 'probe-one.ts', [
    "import type { Two } from './probe-two.ts';",
    'export type One = Two | 1;',
  ]);
  const two = probe('lib/host', 'probe-two.ts', [
    "import type { One } from './probe-one.ts';",
    'export type Two = One[];',
  ]);
  expect(found('no-cycle', [one, two])).toEqual([`${one}:1`, `${two}:1`]);
});

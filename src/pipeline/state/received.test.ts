/** What another machine may say of an image: whole and of its form, or nothing. */
import { describe, expect, test } from 'vitest';
import { testSchema } from '../../stages/recipe/schema.ts';
import { parseRecord, parseSboms } from './received.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const plan = { ...testSchema.parse({}), init: true };
const record = {
  version: 4,
  name: 'hat',
  arch: 'x86_64',
  arches: ['x86_64', 'i686'],
  buildKey: digest('1'),
  lockDigest: digest('2'),
  manifestDigest: digest('3'),
  configDigest: digest('4'),
  manifestSize: 500,
  layers: [{ mediaType: 'a/b', digest: digest('5'), size: 10, diffID: digest('6'), holds: 'felt' }],
  config: { env: { PATH: '/bin' }, exposedPorts: [], volumes: [], labels: {} },
  epoch: 1_700_000_000,
  test: plan,
  packages: ['felt-0:1-1.noarch'],
  checksums: { 'felt-0:1-1.noarch': 'a'.repeat(64) },
  dbPath: '/usr/lib/sysimage/rpm',
  snapshot: `hat@${digest('3')}`,
  tree: digest('7'),
  report: { normalised: [], removedKeys: [], state: [], verification: [], warnings: [], log: [] },
};
const sboms = {
  spdx: { spdxVersion: 'SPDX-2.3', documentNamespace: 'https://example.com/1', packages: [{}], SPDXID: 'x' },
  cyclonedx: { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: 'urn:uuid:1', components: [{}] },
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test('what Milliner writes is taken as it is', () => {
  expect(parseRecord(bytes(record))).toEqual(record);
  expect(parseSboms(bytes(sboms))).toEqual(sboms);
});

type Change = Record<string, unknown>;
const layer = (change: Change) => ({ layers: [{ ...record.layers[0], ...change }] });
const refuses = (parse: (from: Buffer) => unknown, from: Buffer) => {
  expect(() => parse(from)).toThrow(expect.objectContaining({ code: 'EXCHANGE_INVALID' }) as Error);
};

describe('a record', () => {
  const changes: [string, Change][] = [
    ['whose name leads out', { name: '../../etc/cron.d/x', snapshot: `../../etc/cron.d/x@${digest('3')}` }],
    ['whose name has a slash', { name: 'a/b', snapshot: `a/b@${digest('3')}` }],
    ['whose name has a NUL', { name: 'a\0', snapshot: `a\0@${digest('3')}` }],
    ['without a name', { name: '', snapshot: `@${digest('3')}` }],
    ["with another image's snapshot", { snapshot: `wig@${digest('8')}` }],
    ['with a path for a snapshot', { snapshot: '../../../etc' }],
    ['with a path for a digest', { configDigest: '../../etc/passwd' }],
    ['with a longer digest', { tree: `${digest('7')}/../x` }],
    ['with a digest of another kind', { manifestDigest: `sha512:${'3'.repeat(128)}` }],
    ['with a path for an architecture', { arch: '../x86_64' }],
    ['with a layer by a path', layer({ digest: '/etc/shadow' })],
    ['with a layer of less than nothing', layer({ size: -1 })],
    ['with a layer of half a byte', layer({ size: 0.5 })],
    ['with a layer that has more to say', layer({ path: '/etc/shadow' })],
    ['without layers', { layers: [] }],
    ['with layers without end', { layers: Array.from({ length: 1001 }, () => record.layers[0]) }],
    ['with a database outside', { dbPath: '/../../etc' }],
    ['with a database by a relative path', { dbPath: 'usr/lib' }],
    ['with a field of its own', { keyPath: '/root/release.key' }],
    ['without a report', { report: undefined }],
    ['with a test that no recipe has', { test: { ...plan, privileged: true } }],
    ['with a time of its own kind', { epoch: '1e9' }],
  ];
  test.each(changes)('%s', (_name, change) => refuses(parseRecord, bytes({ ...record, ...change })));
});

test.each([
  ['no JSON', Buffer.from('{')],
  ['bytes', Buffer.from([0xff, 0xfe])],
  ['a list', bytes([])],
  ['null', bytes(null)],
  ['a prototype', Buffer.from('{"__proto__": {"name": "hat"}}')],
])('%s is none of them', (_name, from) => {
  for (const parse of [parseRecord, parseSboms]) refuses(parse, from);
});

test.each([
  ['one document', { spdx: sboms.spdx }],
  ['another version', { ...sboms, cyclonedx: { ...sboms.cyclonedx, specVersion: '2.0' } }],
  ['a third', { ...sboms, evil: {} }],
])('bills of materials: %s', (_name, value) => refuses(parseSboms, bytes(value)));

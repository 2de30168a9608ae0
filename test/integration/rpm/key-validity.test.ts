/**
 * Whether a key counts is decided once: a package, metadata and a message that one signer has made on one day are taken
 * or refused together. gpg makes the keys and the signatures at their days.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusedMaker } from '../../../src/lib/rpm/makers.ts';
import { signatureIssuer } from '../../../src/lib/rpm/openpgp.ts';
import { readSignerKey } from '../../../src/pipeline/trust/signer-key.ts';
import { gpgTakes, judges, TimedKeys, type Made } from './timed-keys.ts';

let keys: TimedKeys;
beforeAll(async () => {
  keys = await TimedKeys.open();
});
afterAll(() => keys.close());

const day = '2020-02-01';

interface Scene {
  /** Of subkeys; none: the primary key signs. */
  subkeys?: string[];
  created?: string;
  signedOn?: string;
  /** Gives the key file, after what happens to the key. */
  later?: (made: Made) => Promise<string>;
}

const after = (change: (made: Made) => Promise<unknown>) => async (made: Made) => {
  await change(made);
  return keys.exported(made);
};
const nameless = (change: (made: Made) => Promise<unknown>) => async (made: Made) => {
  await change(made);
  return keys.nameless(made);
};
const nothing = async () => {};
const subkeys = ['2020-01-02'];
const untilJanuary = (made: Made, ...which: string[]) =>
  keys.expire('2020-01-10', made, '2020-01-20', ...which);
const revokeName = async (made: Made) => {
  await keys.gpg('2020-03-01', ['--quick-add-uid', made.primary, 'second']);
  await keys.gpg('2020-03-02', ['--quick-revoke-uid', made.primary, made.name]);
};

/** Of package, metadata, message. */
const all = (problem: string) => [problem, problem, problem];
const good = all('good');

test.each<[string, Scene, (string | RegExp)[]]>([
  ['a key', {}, good],
  ['a subkey', { subkeys }, good],
  [
    'a revoked primary key',
    { later: after((made) => keys.revokePrimary(made)) },
    ['revoked-key', /revoked/, 'refused'],
  ],
  [
    'a subkey of a revoked primary key',
    { subkeys, later: after((made) => keys.revokePrimary(made)) },
    ['revoked-key', /revoked/, 'refused'],
  ],
  [
    'a revoked subkey',
    { subkeys, later: after((made) => keys.revoke(made, '1')) },
    ['revoked-key', /revoked/, 'refused'],
  ],
  [
    'a primary key that had expired',
    { later: after((made) => untilJanuary(made)) },
    ['expired-key', /had expired 2020-01-20/, 'refused'],
  ],
  [
    'a subkey of a primary key that had expired',
    { subkeys, later: after((made) => untilJanuary(made)) },
    ['expired-key', /had expired 2020-01-20/, 'refused'],
  ],
  [
    'a subkey that had expired',
    { subkeys, later: after((made) => untilJanuary(made, made.subkeys[0]!)) },
    ['expired-key', /had expired 2020-01-20/, 'refused'],
  ],
  [
    'a primary key that has expired since',
    { later: after((made) => keys.expire('2020-01-10', made, '2021-01-01')) },
    good,
  ],
  [
    'a subkey that has expired since',
    { subkeys, later: after((made) => keys.expire('2020-01-10', made, '2021-01-01', made.subkeys[0]!)) },
    good,
  ],
  ['a key that was made later', { created: '2020-06-01' }, ['early-key', /./, 'refused']],
  ['a key of which one name was revoked', { later: after(revokeName) }, good],
  [
    'a key that signs no documents any more',
    { later: after((made) => keys.edit(made, ['change-usage', 'S', 'Q', 'save'])) },
    ['other-key-use', /./, 'refused'],
  ],
  ['a nameless key', { later: nameless(nothing) }, ['invalid-key', /vouches/, 'unknown-key']],
  [
    'a nameless key that was revoked',
    { later: nameless((made) => keys.revokePrimary(made)) },
    ['invalid-key', /vouches/, 'unknown-key'],
  ],
  [
    'a nameless key that had expired',
    { later: nameless((made) => untilJanuary(made)) },
    ['invalid-key', /vouches/, 'unknown-key'],
  ],
  [
    'a subkey of a nameless key that was revoked',
    { subkeys, later: nameless((made) => keys.revokePrimary(made)) },
    ['invalid-key', /vouches/, 'unknown-key'],
  ],
  [
    'a key beside its revocation',
    { later: async (made) => keys.written((await text(made)) + (await keys.revocation(made))) },
    ['revoked-key', /revoked/, 'refused'],
  ],
])('%s', async (_name, { subkeys: days, created = '2020-01-01', signedOn = day, later }, expected) => {
  const made = await keys.key(created, days);
  const signer = made.subkeys[0] ?? made.primary;
  const asked = [];
  for (const judge of Object.values(judges)) asked.push(await judge(keys, signedOn, signer));
  const beside = await keys.signText(signedOn, signer, '--detach-sign');
  const file = await (later ?? after(nothing))(made);
  const found = [];
  for (const ask of asked) found.push(await ask(file));
  expect(found).toEqual(
    expected.map((one) => (typeof one === 'string' ? one : (expect.stringMatching(one) as string))),
  );
  // gpg itself, with its clock on the day of the signature.
  expect(await gpgTakes(beside, signedOn, file)).toBe(expected[0] === 'good');
});

const text = async (made: Made) => readFile(await keys.exported(made), 'utf8');

test('a nameless key beside a good one: the good one counts, the other does not', async () => {
  const [sound, gone] = [await keys.key('2020-01-01'), await keys.key('2020-01-01')];
  const asks = [];
  for (const made of [sound, gone]) asks.push(await judges.package(keys, day, made.primary));
  await keys.revokePrimary(gone);
  const both = await keys.written((await text(sound)) + (await readFile(await keys.nameless(gone), 'utf8')));
  expect(await Promise.all(asks.map((ask) => ask(both)))).toEqual(['good', 'invalid-key']);
});

test('a nameless key signs no images either', async () => {
  const made = await keys.key('2020-01-01');
  const file = await keys.nameless(made);
  await expect(readSignerKey(file)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' });
});

/** A version 4 signature with these subpackets. */
function signatureOf(hashed: string[], unhashed: string[]): Buffer {
  const area = (parts: string[]) => {
    const bytes = Buffer.from(parts.join(''), 'hex');
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const body = Buffer.concat([Buffer.from('04000108', 'hex'), area(hashed), area(unhashed)]);
  return Buffer.concat([Buffer.from([0xc2, body.length]), body]);
}

const one = '1122334455667788';
const other = '8877665544332211';
const id = (key: string) => `0910${key}`;
const fingerprint = (key: string) => `162104${'00'.repeat(12)}${key}`;
const time = (hex: string) => `0502${hex}`;

test.each([
  ['two ids, each in its area', [time('5d5f071e'), id(one)], [id(other)]],
  ['two ids in one area', [time('5d5f071e')], [id(one), id(other)]],
  ['an id and the fingerprint of another key', [time('5d5f071e'), fingerprint(one)], [id(other)]],
  ['two fingerprints', [time('5d5f071e'), fingerprint(one), fingerprint(other)], []],
  ['two times', [time('5d5f071e'), time('6d5f071e'), id(one)], []],
])('a signature with %s counts for nothing', (_name, hashed, unhashed) => {
  const maker = signatureIssuer(signatureOf(hashed, unhashed));
  expect(refusedMaker(maker, [])).toMatchObject({ problem: 'ambiguous-signature' });
  expect(signatureIssuer(signatureOf([time('5d5f071e'), fingerprint(one)], [id(one)]))).not.toHaveProperty(
    'isAmbiguous',
  );
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyBlockOf } from '../../../src/lib/rpm/key-block.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';

let directory: string;
let binary: Buffer;
let armoured: Buffer;
let secret: Buffer;
let armouredSecret: Buffer;
const whole = { secrecy: 'public', isWhole: true };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-keyblock-'));
  const home = await GpgHome.open();
  for (const algorithm of ['rsa2048', 'ed25519']) await home.makeKey(algorithm, algorithm);
  const exported = async (...flags: string[]) => {
    await home.gpg(['--output', join(directory, 'keys'), ...flags]);
    return readFile(join(directory, 'keys'));
  };
  binary = await exported('--export');
  armoured = await exported('--armor', '--export');
  secret = await exported('--export-secret-keys', 'rsa2048');
  armouredSecret = await exported('--armor', '--export-secret-keys');
  await home.close();
});
afterAll(() => rm(directory, { recursive: true }));

test('keys are known by their content, in either form', () => {
  expect(keyBlockOf(binary)).toEqual(whole);
  expect(keyBlockOf(armoured)).toEqual(whole);
  const told = Buffer.concat([Buffer.from('Our keys, since 2020:\r\n\r\n'), armoured, armoured]);
  expect(keyBlockOf(told)).toEqual(whole);
  expect(keyBlockOf(Buffer.from(armoured.toString().replaceAll('\n', '\r\n')))).toEqual(whole);
  expect(keyBlockOf(secret)).toEqual({ secrecy: 'private', isWhole: true });
  expect(keyBlockOf(armouredSecret)?.secrecy).toBe('private');
});

test('what is no OpenPGP key is none', () => {
  for (const text of ['', '-----BEGIN PUBLIC KEY-----\n', '\x80', '-----BEGIN PGP SIGNATURE-----\n'])
    expect(keyBlockOf(Buffer.from(text, 'latin1'))).toBeUndefined();
});

test('cut within a packet, or within armour, it is not whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 40, max: armoured.length - 30 }), (end) => {
      expect(keyBlockOf(armoured.subarray(0, end))).toEqual({ secrecy: 'public', isWhole: false });
    }),
  );
  const parts = new Set<number>();
  for (let end = 1; end < binary.length; end++)
    if (keyBlockOf(binary.subarray(0, end))!.isWhole) parts.add(end);
  // Two keys, each a key, a name, and what vouches for it: the ends of all packets but the last.
  expect(parts.size).toBe(5);
});

test('armour with a changed byte is noticed by its checksum', () => {
  const text = armoured.toString();
  const first = text.indexOf('\n\n') + 2;
  fc.assert(
    fc.property(fc.integer({ min: first, max: first + 600 }), (at) => {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      expect(keyBlockOf(Buffer.from(changed))?.isWhole).toBe(false);
    }),
  );
});

test('whatever the bytes, there is an answer', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.nat(binary.length - 1), fc.nat(255)).map(([at, value]) => binary.with(at, value)),
    fc.string().map((text) => Buffer.from(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n${text}`)),
  );
  fc.assert(
    fc.property(bytes, (one) => void keyBlockOf(Buffer.from(one))),
    { numRuns: 1000 },
  );
});

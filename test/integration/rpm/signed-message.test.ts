/** Signed messages that real gpg has made: one good signature of a key of the file opens them, and nothing else. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMessages } from '../../../src/lib/rpm/signed-message.ts';
import { damaged } from '../../helpers/rpm/damaged.ts';
import { GpgHome } from '../../helpers/rpm/gpg-home.ts';

const content = Buffer.from('{"critical":{},"optional":{}}');
let directory: string;
let home: GpgHome;
let ours: string;
let stranger: string;
let file: string;
const by = (...keys: string[]) => keys.flatMap((key) => ['--local-user', key]);
const open = async (message: Buffer, keys = file) => (await openMessages([message], keys))[0]!;
const problem = (name: string, words = /./) => ({
  problem: name,
  message: expect.stringMatching(words) as string,
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-messages-'));
  home = await GpgHome.open();
  ours = await home.makeKey('ours', 'rsa2048');
  stranger = await home.makeKey('stranger', 'ed25519');
  file = await home.export(join(directory, 'ours.asc'), [ours]);
});
afterAll(async () => {
  await home.close();
  await rm(directory, { recursive: true });
});

test('a message that a key of the file has signed opens, compressed or not', async () => {
  for (const flags of [[], ['--compress-algo', 'none'], ['--digest-algo', 'SHA384'], ['--textmode']]) {
    const message = await home.make(content, [...by(ours), ...flags, '--sign']);
    expect(await open(message)).toEqual({ content, fingerprint: ours });
  }
});

describe('what is not one signed message of one signer', () => {
  const dearmoured = ['--no-armor'];
  test.each<[string, () => Promise<Buffer>]>([
    ['in armour', () => home.make(content, [...by(ours), '--armor', '--sign'])],
    ['in clear text', () => home.make(content, [...by(ours), '--clear-sign'])],
    ['a signature apart from its content', () => home.make(content, [...by(ours), '--detach-sign'])],
    ['unsigned', () => home.make(content, [...dearmoured, '--store'])],
    ['encrypted', () => home.make(content, ['--passphrase', 'x', '--symmetric'])],
    ['longer than any signature is', () => home.make(Buffer.alloc(100_000), [...by(ours), '--sign'])],
    ['no message at all', async () => Buffer.from([0x80, 0xff, 1, 2, 3])],
    ['nothing', async () => Buffer.alloc(0)],
  ])('%s', async (_name, make) => {
    expect(await open(await make())).toEqual(problem('altered'));
  });
});

test('of several messages in a row none opens but the first, and never what was not signed', async () => {
  const signed = await home.make(content, [...by(ours), '--compress-algo', 'none', '--sign']);
  const other = await home.make(Buffer.from('other'), ['--compress-algo', 'none', '--store']);
  const packed = await home.make(content, [...by(ours), '--sign']);
  for (const parts of [
    [signed, signed],
    [signed, other],
    [other, signed],
    [other, packed],
    [packed, other],
  ]) {
    const opened = await open(Buffer.concat(parts));
    if ('content' in opened) expect(opened).toEqual({ content, fingerprint: ours });
    else expect(opened).toEqual(problem('altered'));
  }
});

test('signed by two, be they known or not', async () => {
  const message = await home.make(content, [...by(ours, stranger), '--sign']);
  expect(await open(message)).toEqual(problem('altered'));
  const both = await home.export(join(directory, 'both.asc'), [ours, stranger]);
  expect(await open(message, both)).toEqual(problem('altered'));
});

test('signed by a key that is not in the file', async () => {
  expect(await open(await home.make(content, [...by(stranger), '--sign']))).toEqual(problem('unknown-key'));
});

test.each(['SHA1', 'SHA224', 'RIPEMD160'])('signed with %s', async (hash) => {
  const flags = ['--digest-algo', hash, '--allow-weak-digest-algos', '--sign'];
  expect(await open(await home.make(content, [...by(ours), ...flags]))).toEqual(problem('refused'));
});

test('a signature that has expired', async () => {
  const message = await home.make(content, [...by(ours), '--default-sig-expire', 'seconds=1', '--sign']);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  expect(await open(message)).toEqual(problem('refused', /has expired/));
});

test('a key that has expired since counts, one that was revoked does not', async () => {
  const own = await GpgHome.open();
  try {
    const brief = await own.makeKey('brief', 'ed25519', 'sign', 'seconds=3');
    const revoked = await own.makeKey('revoked', 'ed25519');
    const [early, other] = [
      await own.make(content, [...by(brief), '--sign']),
      await own.make(content, [...by(revoked), '--sign']),
    ];
    await own.revoke(revoked);
    const keys = await own.export(join(directory, 'others.asc'), [brief, revoked]);
    await new Promise((resolve) => setTimeout(resolve, 3100));
    expect(await openMessages([early, other], keys)).toEqual([
      { content, fingerprint: brief },
      problem('refused', /revoked/),
    ]);
  } finally {
    await own.close();
  }
});

test('a revocation, or a later expiry, that stands apart from the key in its file', async () => {
  const own = await GpgHome.open();
  try {
    const key = await own.makeKey('apart', 'ed25519', 'sign', 'seconds=3');
    const message = await own.make(content, [...by(key), '--sign']);
    const former = await readFile(await own.export(join(directory, 'former.asc'), [key]), 'utf8');
    await new Promise((resolve) => setTimeout(resolve, 3100));
    await own.gpg(['--quick-set-expire', key, '0']);
    const late = await own.make(content, [...by(key), '--sign']);
    const longer = await readFile(await own.export(join(directory, 'longer.asc'), [key]), 'utf8');
    const written = async (text: string) => {
      await writeFile(join(directory, 'apart.asc'), text);
      return join(directory, 'apart.asc');
    };
    expect(await open(late, await written(former))).toEqual(problem('refused', /had expired/));
    expect(await open(late, await written(former + longer))).toEqual({ content, fingerprint: key });
    const revocation = await own.revocation(key);
    expect(await open(message, await written(former + revocation))).toEqual(problem('refused', /revoked/));
    const good = await own.export(join(directory, 'good.asc'), [await own.makeKey('good', 'ed25519')]);
    expect(await open(message, await written(former + (await readFile(good, 'utf8'))))).toEqual({
      content,
      fingerprint: key,
    });
  } finally {
    await own.close();
  }
});

test('a key that had expired when it signed, and one that is for other uses', async () => {
  const own = await GpgHome.open();
  const at = (time: string) => ['--faked-system-time', `${time}T000000!`];
  try {
    await own.gpg([...at('20200101'), '--quick-generate-key', 'late', 'ed25519', 'sign', 'never']);
    const late = await own.make(content, [...at('20220101'), ...by('late'), '--sign']);
    const [fingerprint] = /[0-9A-F]{40}/.exec(await own.gpg(['--with-colons', '--list-keys', '=late']))!;
    await own.gpg([...at('20200601'), '--quick-set-expire', fingerprint, '2021-01-01']);
    const keys = await own.export(join(directory, 'late.asc'), [fingerprint]);
    expect(await open(late, keys)).toEqual(problem('refused', /had expired 2021-01-01 before/));
    const certifier = await own.makeKey('certifier', 'rsa2048');
    const message = await own.make(content, [...by(certifier), '--sign']);
    await own.edit(certifier, ['change-usage', 'S', 'Q', 'save']);
    const others = await own.export(join(directory, 'certifier.asc'), [certifier]);
    expect(await open(message, others)).toHaveProperty('problem');
  } finally {
    await own.close();
  }
});

test('bytes that were changed, cut or added never open as anything else', async () => {
  const message = await home.make(content, [...by(ours), '--compress-algo', 'none', '--sign']);
  const changed = fc.oneof(
    damaged(message),
    fc.nat(message.length - 1).map((start) => message.subarray(start)),
    fc.uint8Array({ maxLength: 40 }).map((more) => Buffer.concat([message, more])),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  const messages = fc.sample(changed, 400);
  const opened = await openMessages(messages, file);
  for (const [index, one] of opened.entries()) {
    // A name and a date of the content stand outside of what is signed, and hints of who signed.
    if ('content' in one)
      expect(one, messages[index]!.toString('hex')).toEqual({ content, fingerprint: ours });
    else expect(['altered', 'unknown-key', 'refused']).toContain(one.problem);
  }
  expect(opened.filter((one) => 'problem' in one).length).toBeGreaterThan(200);
});

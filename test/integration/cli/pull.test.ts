/** Images that come from registries and files, and go there: pull, push, save and load, with skopeo as the other side. */
import { open, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { soak } from '../../helpers/soak.ts';

useOneProcess();

let bench: Bench;
let hat: BuildAnswer;
/** Another state, as another machine has it. */
let other: Desk;
let reference: string;
let archive: string;
beforeAll(async () => {
  bench = await Bench.open();
  other = await Desk.open();
  hat = await bench.booted('hat', ['tiny-base']);
  reference = `${bench.server.host}/hat:1`;
  await bench.publish('hat', reference);
  archive = bench.desk.path('hat.tar');
});
afterAll(async () => {
  await other.remove();
  await bench.close();
});

interface Pulled {
  name: string;
  manifestDigest: string;
}
const layersOf = async (desk: Desk, image: string) =>
  (await desk.json<{ layers: { digest: string }[] }>(['inspect', image])).layers.map(({ digest }) => digest);

test('what the key has signed is pulled, and boots and is compared as what was built here', async () => {
  expect(await other.json<Pulled>(['pull', reference, '--key', bench.publicKey])).toMatchObject({
    name: reference,
    manifestDigest: hat.manifestDigest,
    kind: 'pulled',
  });
  expect(await layersOf(other, reference)).toEqual(hat.layers.map(({ digest }) => digest));
  expect(await other.json(['boot', reference])).toMatchObject({
    passed: true,
    manifestDigest: hat.manifestDigest,
  });
  expect(await other.json(['history', reference])).toMatchObject({ digest: hat.manifestDigest });
  const [newest] = (await other.json<{ generations: object[] }>(['log', reference])).generations;
  expect(newest).toMatchObject({ number: 1, reasons: ['pulled'] });
});

test('without a key, a policy or a word for it nothing is pulled', async () => {
  const fresh = await Desk.open();
  await bench.makeKey('else');
  expect(await fresh.fails(['pull', reference])).toMatchObject({ code: 'USAGE' });
  expect(await fresh.fails(['pull', reference, '--key', bench.desk.path('else.pub')])).toMatchObject({
    code: 'SIGNATURE_WRONG_KEY',
  });
  expect(await fresh.json(['images'])).toMatchObject({ local: [] });
  expect(await fresh.json(['pull', reference, '--unsigned'])).toMatchObject({ signedBy: [] });
  await fresh.remove();
});

test('an image is pushed without a signature only with a word for it', async () => {
  const to = `${bench.server.host}/mine:1`;
  expect(await other.fails(['push', reference, to])).toMatchObject({ code: 'USAGE' });
  expect(await other.json(['push', reference, to, '--unsigned'])).toMatchObject({ references: [to] });
  const { stdout } = await run('skopeo', ['inspect', '--tls-verify=false', `docker://${to}`]);
  expect(JSON.parse(stdout)).toMatchObject({ Digest: hat.manifestDigest });
  expect(await other.fails(['pull', to, '--key', bench.publicKey])).toMatchObject({
    code: 'SIGNATURE_MISSING',
  });
});

test('an archive holds the same image, has the same bytes each time, and skopeo reads it', async () => {
  await bench.desk.json(['save', 'hat', '--output', archive]);
  const again = bench.desk.path('again.tar');
  await bench.desk.json(['save', 'hat', '-o', again]);
  expect((await readFile(again)).equals(await readFile(archive))).toBe(true);
  const { stdout } = await run('skopeo', ['inspect', `oci-archive:${archive}`]);
  expect(JSON.parse(stdout)).toMatchObject({ Digest: hat.manifestDigest });
});

test('a file is loaded by the digest that is known, or with a word for it', async () => {
  const fresh = await Desk.open();
  const load = ['load', '--input', archive];
  expect(await fresh.fails(load)).toMatchObject({ code: 'USAGE' });
  const strange = `sha256:${'0'.repeat(64)}`;
  expect(await fresh.fails([...load, '--digest', strange])).toMatchObject({ code: 'ARCHIVE_INVALID' });
  const images = [{ name: 'hat', manifestDigest: hat.manifestDigest }];
  expect(await fresh.json([...load, '--digest', hat.manifestDigest])).toMatchObject({ images });
  expect(await fresh.json(['boot', 'hat'])).toMatchObject({ passed: true });
  await fresh.json([...load, '--unsigned', '--name', 'mine:1']);
  expect(await layersOf(fresh, 'mine:1')).toEqual(hat.layers.map(({ digest }) => digest));
  await fresh.remove();
});

test('what other tools have saved is pulled through skopeo', async () => {
  const docker = bench.desk.path('docker.tar');
  // Docker's format has no zstd.
  const plain = `dir:${bench.desk.path('plain')}`;
  await run('skopeo', ['copy', '-q', '--dest-decompress', `oci-archive:${archive}`, plain]);
  await run('skopeo', ['copy', '-q', plain, `docker-archive:${docker}:hat:1`]);
  const pull = ['pull', `docker-archive:${docker}`, '--name', 'docker:1'];
  expect(await other.fails(pull)).toMatchObject({ code: 'USAGE' });
  await other.json([...pull, '--unsigned']);
  const { layers } = await other.json<{ layers: { diffID: string }[] }>(['inspect', 'docker:1']);
  expect(layers.map(({ diffID }) => diffID)).toEqual(hat.layers.map(({ diffID }) => diffID));
});

test('a damaged archive is refused, or loads the image as it was', async () => {
  const whole = await readFile(archive);
  const fresh = await Desk.open();
  const broken = fresh.path('broken.tar');
  const codes = new Set<string>();
  const step = Math.floor(whole.length / (soak ? 400 : 12));
  for (let at = 7; at < whole.length; at += step) {
    await writeFile(broken, whole);
    await using handle = await open(broken, 'r+');
    await handle.write(Buffer.from([whole[at]! ^ 0x55]), 0, 1, at);
    const ended = await fresh.run(['load', '--input', broken, '--digest', hat.manifestDigest, '--json']);
    if (ended.code !== 0) codes.add((JSON.parse(ended.stdout) as { error: { code: string } }).error.code);
  }
  const cut = fresh.path('cut.tar');
  await writeFile(cut, whole.subarray(0, whole.length / 2));
  expect(await fresh.fails(['load', '--input', cut, '--unsigned'])).toMatchObject({
    code: 'ARCHIVE_INVALID',
  });
  const known = new Set(['ARCHIVE_INVALID', 'DIGEST_MISMATCH']);
  expect([...codes].filter((code) => !known.has(code))).toEqual([]);
  expect(codes.size).toBeGreaterThan(0);
  await fresh.remove();
});

/**
 * One architecture fails, in many ways, before the tag moves: the tag stays where it was. After the mend the same
 * command moves it once, to the index of all of them.
 */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/lib/errors/error.ts';
import { hexOf, tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { FaultProxy, type Fault, type Script, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { buildTwo, recipeOfTwo, twoArches } from '../../helpers/two-arches.ts';
import { shareOfDay } from '../../helpers/soak.ts';

useOneProcess();

const repository = 'fails/twins';
let bench: Bench;
let proxy: FaultProxy;
let reference: string;
let old: Digest;
let young: Digest;
/** The images that the tag is to name, and the configuration of the second. */
let first: Digest;
let second: Digest;
let config: Digest;

beforeAll(async () => {
  bench = await Bench.open();
  proxy = await FaultProxy.start(bench.server.host);
  reference = `${proxy.host}/${repository}:1`;
  for (const name of ['old', 'young']) {
    const built = await buildTwo(bench.desk, await recipeOfTwo(bench.desk, name));
    for (const arch of twoArches) await bench.run(['boot', name, '--arch', arch]);
    [first, second] = twoArches.map((arch) => built[arch].manifestDigest as Digest) as [Digest, Digest];
    config = (built.x86_64_v2 as unknown as { configDigest: Digest }).configDigest;
  }
  old = (await bench.publish('old', reference)).manifestDigest as Digest;
  await cp(bench.server.storage, bench.desk.path('before'), { recursive: true });
  young = (await bench.publish('young', reference)).manifestDigest as Digest;
});
afterAll(async () => {
  proxy.close();
  await bench.close();
});

async function restore(): Promise<void> {
  await rm(bench.server.storage, { recursive: true });
  await cp(bench.desk.path('before'), bench.server.storage, { recursive: true });
  // This host has seen the later records of the tag.
  await rm(join(bench.desk.state, 'statements/history'), { recursive: true, force: true });
}

const named = () => bench.client().headManifest(repository, '1');
const isMove = ({ method, url }: Seen) => method === 'PUT' && url === `/v2/${repository}/manifests/1`;

/** Publishes; how often the tag was moved on the way. */
async function moves(script: Script, publication: () => Promise<void>): Promise<number> {
  let moved = 0;
  proxy.script = async (seen) => {
    const fault = await script(seen);
    if (isMove(seen) && !(fault && 'answer' in fault)) moved++;
    return fault;
  };
  try {
    await publication();
  } finally {
    proxy.script = () => undefined;
  }
  return moved;
}

async function tagStays(code: ErrorCode, script: Script, args: string[] = []): Promise<void> {
  const fails = async () => {
    expect((await bench.fails([...bench.publishing('young', reference), ...args])).code).toBe(code);
  };
  expect(await moves(script, fails)).toBe(0);
  expect(await named()).toBe(old);
}

async function tagMovesOnce(): Promise<void> {
  const publication = async () => {
    expect((await bench.publish('young', reference)).manifestDigest).toBe(young);
  };
  expect(await moves(() => undefined, publication)).toBe(1);
  expect(await named()).toBe(young);
  await bench.run(['verify', reference, '--key', bench.publicKey]);
}

const manifest = (what: string) => `/v2/${repository}/manifests/${what}`;
const denied = { answer: 403 };
const put = (what: () => string, fault: Fault = denied): Script => {
  return ({ method, url }) => (method === 'PUT' && url === manifest(what()) ? fault : undefined);
};
/** What was put is not what is read. */
const lost = (what: () => string, fault: Fault): Script => {
  return ({ method, url }) => {
    const isPut = proxy.seen.some((one) => one.method === 'PUT' && one.url === manifest(what()));
    return isPut && method === 'GET' && url === manifest(what()) ? fault : undefined;
  };
};
const noLayers = { answer: 200, body: JSON.stringify({ schemaVersion: 2, layers: [] }) };

const inRegistry: [string, ErrorCode, Script][] = [
  [
    'the configuration of the second image is refused',
    'REGISTRY_DENIED',
    ({ method, url }) => (method === 'PUT' && url.includes(hexOf(config)) ? denied : undefined),
  ],
  ['its manifest is refused', 'REGISTRY_DENIED', put(() => second)],
  ['its signature is refused', 'REGISTRY_DENIED', put(() => `${tagOf(second)}.sig`)],
  ['its attestations are refused', 'REGISTRY_DENIED', put(() => `${tagOf(second)}.att`)],
  ['its list of referrers is refused', 'REGISTRY_DENIED', put(() => tagOf(second))],
  ['its manifest is not there', 'REGISTRY_INVALID', lost(() => second, { answer: 404 })],
  ['its signature is empty', 'SIGNATURE_MISSING', lost(() => `${tagOf(second)}.sig`, noLayers)],
  ['the signature of the first is refused', 'REGISTRY_DENIED', put(() => `${tagOf(first)}.sig`)],
  ['the index is refused', 'REGISTRY_DENIED', put(() => young)],
  ['the signature of the index is refused', 'REGISTRY_DENIED', put(() => `${tagOf(young)}.sig`)],
  ['what states its tag is refused', 'REGISTRY_DENIED', put(() => `${tagOf(young)}.att`)],
  ['its bundles are refused', 'REGISTRY_DENIED', put(() => tagOf(young))],
  ['the index is not there', 'REGISTRY_INVALID', lost(() => young, { answer: 404 })],
  ['the signature of the index is empty', 'SIGNATURE_MISSING', lost(() => `${tagOf(young)}.sig`, noLayers)],
  ['the tag is refused', 'REGISTRY_DENIED', put(() => '1')],
];

test.each(shareOfDay(inRegistry, 3))('%s', async (_name, code, script) => {
  await restore();
  // What was seen in an earlier run does not count.
  proxy.seen.length = 0;
  await tagStays(code, script);
  await tagMovesOnce();
});

const verdictOf = (digest: Digest) => join(bench.desk.state, 'verdicts', `${hexOf(digest)}.json`);
const recordOf = () => join(bench.desk.state, 'images', 'young@x86_64_v2.json');
const edit = (change: object) => (text: string) =>
  JSON.stringify({ ...(JSON.parse(text) as object), ...change });

const inState: [string, ErrorCode, () => string, ((text: string) => string) | undefined][] = [
  ['the second was not built', 'IMAGE_NOT_FOUND', recordOf, undefined],
  ['it is of another lock', 'IMAGE_NOT_FOUND', recordOf, edit({ lockDigest: `sha256:${'0'.repeat(64)}` })],
  ['it was not booted', 'IMAGE_UNBOOTED', () => verdictOf(second), undefined],
  ['it did not pass', 'IMAGE_UNBOOTED', () => verdictOf(second), edit({ passed: false })],
  ['the first did not pass', 'IMAGE_UNBOOTED', () => verdictOf(first), edit({ passed: false })],
  [
    'the configuration of the second has changed on disk',
    'BLOB_CORRUPT',
    () => join(bench.desk.state, 'blobs', 'sha256', hexOf(config)),
    (text) => text.replace('linux', 'Linux'),
  ],
];

test.each(inState)('%s', async (_name, code, path, change) => {
  await restore();
  const text = await readFile(path(), 'utf8');
  try {
    if (change) await writeFile(path(), change(text));
    else await rm(path());
    await tagStays(code, () => undefined);
  } finally {
    await writeFile(path(), text);
  }
  await tagMovesOnce();
});

test('the second is booted again while the index is signed, and fails', async () => {
  await restore();
  const text = await readFile(verdictOf(second), 'utf8');
  try {
    await tagStays('IMAGE_UNBOOTED', async ({ method, url }) => {
      const isLast = method === 'PUT' && url === manifest(`${tagOf(young)}.sig`);
      if (isLast) await writeFile(verdictOf(second), edit({ passed: false })(text));
      return undefined;
    });
  } finally {
    await writeFile(verdictOf(second), text);
  }
  await tagMovesOnce();
});

test('the process is killed between the two images', async () => {
  await restore();
  const child = bench.start([...bench.publishing('young', reference), '--json']);
  const killed = async () => expect((await child).signal).toBe('SIGKILL');
  const kill: Script = ({ method, url }) => {
    if (method !== 'PUT' || url !== manifest(second)) return undefined;
    child.kill('SIGKILL');
    return { loseAnswer: true };
  };
  expect(await moves(kill, killed)).toBe(0);
  expect(await named()).toBe(old);
  await tagMovesOnce();
});

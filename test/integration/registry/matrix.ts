/** One registry, all that Milliner does with one: whether each of it ends well, or the code that it ends with. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import type { Bench } from '../../helpers/publish-fixture.ts';
import { FaultProxy } from '../../helpers/registry/fault-proxy.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { account } from '../../helpers/registry/registry-server.ts';

export const operations = [
  'push',
  'pull',
  'sign',
  'verify',
  'base',
  'resume',
  'delete',
  'retention',
] as const;
type Operation = (typeof operations)[number];
export type Row = Record<Operation, string>;

export interface Ground {
  host: string;
  /** Whoever is in front of it speaks to this: HOST:PORT, or an origin with TLS. */
  target: string;
  /** Directory with the authority of its certificate. */
  certificates?: string;
  /** Removes what no tag leads to; undefined where that is not done. */
  removeUntagged?: () => void;
  /** Environment of every command: credentials, authorities. */
  env: Record<string, string>;
}

const repository = 'felt/hat';

/** By skopeo the image is pulled, by Milliner all else is done. The bench has `hat` and `cap`, which were booted. */
export async function tryAll(bench: Bench, ground: Ground): Promise<Row> {
  const reference = `${ground.host}/${repository}:1`;
  const publishing = [...bench.publishing('hat', reference), '--json'];
  const verifying = ['verify', reference, '--key', bench.publicKey, '--json'];
  const pushed = await codeOf(bench, publishing, ground);
  const row: Row = {
    push: pushed,
    pull: await pulled(bench, reference, ground),
    sign: await codeOf(bench, [...verifying, '--only', 'sig'], ground),
    verify: await codeOf(bench, verifying, ground),
    base: await based(bench, reference, ground),
    resume: await resumed(ground.target),
    delete: await deleted(bench, ground),
    retention: '',
  };
  ground.removeUntagged?.();
  const again = await codeOf(bench, publishing, ground);
  row.retention = again === 'yes' ? await codeOf(bench, verifying, ground) : again;
  return row;
}

async function codeOf(bench: Bench, args: string[], { env }: Ground): Promise<string> {
  const { code, stdout, stderr } = await bench.ended(args, env);
  if (code === 0) return 'yes';
  try {
    return (JSON.parse(stdout) as { error: { code: string } }).error.code;
  } catch {
    throw new Error(`milliner ${args.join(' ')}: ${stdout}${stderr}`);
  }
}

async function pulled(bench: Bench, reference: string, { env, certificates }: Ground): Promise<string> {
  const to = bench.desk.path(`pulled-${randomBytes(4).toString('hex')}`);
  const trust = certificates === undefined ? '--src-tls-verify=false' : `--src-cert-dir=${certificates}`;
  const options = ['copy', '-q', '--insecure-policy', '--preserve-digests', trust];
  const login = env['REGISTRY_AUTH_FILE'] === undefined ? [] : ['--src-authfile', env['REGISTRY_AUTH_FILE']];
  const ended = await run('skopeo', [...options, ...login, `docker://${reference}`, `oci:${to}`], {
    allow: [0, 1],
  });
  return ended.exitCode === 0 ? 'yes' : 'no';
}

/** Of two images the older goes, by `milliner retention`; the newer is as it was. */
async function deleted(bench: Bench, ground: Ground): Promise<string> {
  const place = `${ground.host}/felt/shed`;
  const [older, newer] = [`${place}:20260101`, `${place}:20260102`];
  const verifying = (reference: string) => ['verify', reference, '--key', bench.publicKey, '--json'];
  for (const [image, reference] of [
    ['hat', older],
    ['cap', newer],
  ] as const) {
    const pushed = await codeOf(bench, [...bench.publishing(image, reference), '--json'], ground);
    if (pushed !== 'yes') return pushed;
  }
  const removing = ['retention', place, '--rule', '2*,keep=1', '--key', bench.publicKey, '--yes', '--json'];
  const removed = await codeOf(bench, removing, ground);
  const kept = await codeOf(bench, verifying(newer), ground);
  if (removed !== 'yes' || kept !== 'yes') return kept === 'yes' ? removed : kept;
  const gone = await codeOf(bench, verifying(older), ground);
  return gone === 'IMAGE_UNPUBLISHED' ? 'yes' : gone;
}

let bases = 0;

async function based(bench: Bench, reference: string, ground: Ground): Promise<string> {
  const name = `on-${++bases}`;
  const recipe = await bench.desk.tiny(name, ['tiny-app'], {
    from: { image: reference, keys: [bench.publicKey] },
  });
  const locked = await codeOf(bench, ['lock', recipe, '--json'], ground);
  return locked === 'yes' ? codeOf(bench, ['build', recipe, '--json'], ground) : locked;
}

/** An upload of 20 MiB whose connection breaks in the middle. */
async function resumed(target: string): Promise<string> {
  const proxy = await FaultProxy.start(target);
  let cut = false;
  proxy.script = ({ method, headers }) => {
    if (cut || !['PATCH', 'PUT'].includes(method) || Number(headers['content-length']) < 1 << 22)
      return undefined;
    cut = true;
    return { cutRequestAfter: 1 << 21 };
  };
  try {
    const bytes = randomBytes(20 << 20);
    const blob = { digest: sha256Of(bytes), size: bytes.length, content: { bytes } };
    const endpoint = plainEndpoint(proxy.host);
    const client = new RegistryClient({ registry: proxy.host, endpoint, credentials: account, pushes: true });
    await client.pushBlob('felt/large', blob);
    if ((await client.getBlob('felt/large', blob.digest, bytes.length))?.equals(bytes) !== true) return 'no';
    if (!cut) throw new Error('nothing was cut');
    return 'yes';
  } catch (error) {
    if (error instanceof MillinerError) return error.code;
    throw error;
  } finally {
    proxy.close();
  }
}

/** Credentials for one registry, as podman keeps them. */
export async function authFileFor(bench: Bench, host: string): Promise<string> {
  const directory = bench.desk.path('auth');
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${host.replace(':', '-')}.json`);
  const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');
  await writeFile(path, JSON.stringify({ auths: { [host]: { auth } } }));
  return path;
}

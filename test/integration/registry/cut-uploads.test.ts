/**
 * An upload over a connection that breaks again and again, at random: it arrives whole, and hardly more goes over the
 * line than it has bytes, wherever the registry keeps what came before a cut.
 */
import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { generator } from '../../helpers/random.ts';
import { FaultProxy } from '../../helpers/registry/fault-proxy.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { account } from '../../helpers/registry/registry-server.ts';
import { behaviours, type Named } from './behaviours.ts';
import { StandIn } from './stand-in.ts';

const soak = process.env['MILLINER_SOAK'] !== undefined;
const seed = Number(process.env['MILLINER_SEED'] ?? new Date().getUTCDate());
const [megabytes, cuts] = soak ? [500, 20] : [250, 4];
const chosen = soak ? behaviours : behaviours.filter((_, index) => index % 6 === seed % 6);

/** Keeps nothing of an upload that broke off: each cut costs all that came before, whoever sends it. */
const keepsNothing = ({ behaviour: { forgets, noPatch } }: Named) =>
  forgets === true || noPatch !== undefined;

interface Sent {
  /** Bytes that went over the line, to those of the blob. */
  ratio: number;
  cut: number;
  /** What was sent before the first cut, to the bytes of the blob. */
  first: number;
}

/** Breaks the connection at random bytes of all that is sent. */
async function uploadCut(
  target: string,
  client: Partial<ConstructorParameters<typeof RegistryClient>[0]>,
): Promise<Sent> {
  const bytes = randomBytes(megabytes << 20);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as const;
  const proxy = await FaultProxy.start(target);
  const random = generator(seed);
  const places = Array.from({ length: cuts }, () => random(bytes.length)).toSorted(
    (one, other) => one - other,
  );
  const gaps = places.map((place, index) => 1 + place - (places[index - 1] ?? 0));
  let [left = 0, cut] = [gaps[0], 0];
  proxy.script = ({ method, headers }) => {
    const length = Number(headers['content-length'] ?? 0);
    if (method !== 'PATCH' && method !== 'PUT') return undefined;
    if (length <= left || cut === cuts) {
      left -= length;
      return undefined;
    }
    const fault = { cutRequestAfter: left };
    cut += 1;
    left = gaps[cut] ?? 0;
    return fault;
  };
  try {
    const registry = new RegistryClient({
      registry: proxy.host,
      endpoint: plainEndpoint(proxy.host),
      pushes: true,
      ...client,
    });
    await registry.pushBlob('felt/large', { digest, size: bytes.length, content: { bytes } });
    expect(await registry.hasBlob('felt/large', digest)).toBeDefined();
    return { ratio: proxy.carried / bytes.length, cut, first: (gaps[0] ?? 0) / bytes.length };
  } finally {
    proxy.close();
  }
}

test.each(chosen.filter((one) => !keepsNothing(one)))('$name', async ({ behaviour }) => {
  const registry = await StandIn.start(behaviour);
  try {
    const { ratio, cut, first } = await uploadCut(registry.host, { credentials: account });
    process.stdout.write(`${cut} cuts, ${ratio.toFixed(2)} of the bytes\n`);
    // A body that is refused for its size, and cut before the refusal is read, has cost what was sent of it.
    const lost = behaviour.largestBody === undefined ? 0 : first;
    expect(ratio - lost).toBeLessThan(1.2);
  } finally {
    registry.close();
  }
});

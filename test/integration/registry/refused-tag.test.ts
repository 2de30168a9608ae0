/** A registry that refuses to give what it has: for some the word for what is not there, here a rule of a firewall. */
import { expect, test } from 'vitest';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { StandIn } from './stand-in.ts';

test('what is refused but listed is there, and nothing is written over it', async () => {
  const registry = await StandIn.start({ referrers: 'none' });
  try {
    const client = new RegistryClient({ registry: registry.host, endpoint: plainEndpoint(registry.host) });
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: {}, layers: [] }));
    const subject = await client.putManifest('felt/hat', '1', bytes, manifestType);
    const [one, other] = ['a', 'b'].map((digit) => ({
      descriptor: { mediaType: manifestType, digest: `sha256:${digit.repeat(64)}` as const, size: 1 },
    }));
    await client.addReferrers('felt/hat', subject, [one!]);
    registry.behaviour.refusedTag = 403;
    await expect(client.addReferrers('felt/hat', subject, [other!])).rejects.toMatchObject({
      code: 'REGISTRY_DENIED',
    });
    registry.behaviour.refusedTag = undefined;
    await client.addReferrers('felt/hat', subject, [other!]);
    const digests = (await client.referrers('felt/hat', subject)).map(({ digest }) => digest);
    expect(digests).toEqual([one!.descriptor.digest, other!.descriptor.digest]);
  } finally {
    registry.close();
  }
});

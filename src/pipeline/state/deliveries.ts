/** Which reports each webhook has taken: a night that is taken up again sends none a second time. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { JsonStore } from './json-store.ts';

/** Of one webhook, the newest. */
const maxDeliveries = 100;

/** A cache: a lost one costs a delivery that its receiver knows by its id. */
const deliveriesIn = (state: string) =>
  new JsonStore(join(state, 'deliveries'), {
    what: 'the deliveries of a webhook',
    schema: z.object({ ids: z.array(z.string().max(100)).max(maxDeliveries) }),
    isCache: true,
  });

/** A URL can hold a secret, so it does not become a file name. */
const nameOf = (url: string) => createHash('sha256').update(url).digest('hex');

export async function wasDelivered(state: string, url: string, id: string): Promise<boolean> {
  return ((await deliveriesIn(state).read(nameOf(url)))?.ids ?? []).includes(id);
}

export async function addDelivery(state: string, url: string, id: string): Promise<void> {
  const store = deliveriesIn(state);
  const before = (await store.read(nameOf(url)))?.ids ?? [];
  await store.write(nameOf(url), { ids: [...before, id].slice(-maxDeliveries) });
}

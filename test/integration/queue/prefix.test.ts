/** Staging and production on one Redis, each with a prefix and a user of its own. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { redisPassword, RedisServer } from '../../helpers/redis-server.ts';
import { Workshop, type Circumstances } from './queue-fixture.ts';

let workshop: Workshop;
let redis: RedisServer;
beforeAll(async () => {
  workshop = await Workshop.open();
  const staging = `user staging on ">${redisPassword}" ~staging:* &staging:* +@all -@dangerous +info`;
  redis = await RedisServer.start({ settings: [staging] });
});
afterAll(async () => {
  await unmountAllBelow(workshop.bench.desk.directory, { detach: true });
  await workshop.close();
  await redis.close();
});

test('neither sees, takes or ends what is queued under the other', async () => {
  const production: Circumstances = {
    state: workshop.bench.desk.path('production'),
    env: { MILLINER_REDIS: redis.url },
  };
  const staging: Circumstances = {
    state: workshop.bench.desk.path('staging'),
    env: {
      MILLINER_REDIS: redis.url.replace('//milliner:', '//staging:'),
      MILLINER_REDIS_PREFIX: 'staging',
    },
  };
  const recipe = await workshop.bench.desk.tiny('hat', ['tiny-base'], runsToItsEnd);
  const to = (place: string) => `${workshop.bench.server.host}/${place}/{{name}}:1`;
  await workshop.queue([recipe], to('production'), production);
  await workshop.queue([recipe], to('staging'), staging);

  const once = workshop.worker(['--once', '--key', workshop.bench.key], staging);
  expect((await once.ended).exitCode).toBe(0);
  expect((await workshop.status(staging)).releases).toMatchObject([{ state: 'released' }]);
  expect(await workshop.bench.tags('staging/hat')).toHaveLength(4);

  expect((await workshop.status(production)).releases).toMatchObject([{ state: 'queued' }]);
  const other = workshop.worker(['--once', '--key', workshop.bench.key], production);
  expect((await other.ended).exitCode).toBe(0);
  expect(await workshop.bench.tags('production/hat')).toHaveLength(4);
});

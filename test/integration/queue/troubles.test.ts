/** Redis as it fails, in the middle of a release: it ends well with its tags, or with its code. None ends 0 without its tags. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { makeCertificate, makeExpired } from '../../helpers/registry/certificate.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { Road } from './cuttable-route.ts';
import { troubles, type Trouble } from './troubles.ts';
import { Workshop } from './queue-fixture.ts';

const stages = ['lock', 'build', 'publish'] as const;
type Case = [string, (typeof stages)[number], Trouble];
const all = troubles.flatMap((trouble) => stages.map((stage): Case => [trouble.name, stage, trouble]));
/** Two a day. */
const chosen = shareOfDay(all, 27);

let workshop: Workshop;
let recipe: string;
beforeAll(async () => {
  workshop = await Workshop.open();
  await makeCertificate(workshop.bench.desk.directory, 'redis');
  await makeExpired(workshop.bench.desk.directory, 'redis');
  recipe = await workshop.bench.desk.tiny('hat', ['tiny-base'], runsToItsEnd);
});
afterAll(async () => {
  await unmountAllBelow(workshop.bench.desk.directory, { detach: true });
  await workshop.close();
});

let number = 0;

interface Failed {
  error: { code: string; details?: { releases?: { error?: { code: string } }[] } };
}

/** The release's own, where it has failed itself: the command then says RELEASE_FAILED. */
function codeOf(stdout: string): string {
  const { error } = JSON.parse(stdout) as Failed;
  return error.details?.releases?.[0]?.error?.code ?? error.code;
}

// Most of the time each of them waits.
test.concurrent.each(chosen)(
  '%s, when its %s begins',
  async (_, stage, { does, passes, tls, codes = [] }) => {
    const place = `trouble-${++number}`;
    const [key, certificate, expired] = ['redis.key', 'redis.crt', 'redis-expired.crt'].map((name) =>
      workshop.bench.desk.path(name),
    ) as [string, string, string];
    const server = await RedisServer.start({ certificate: tls ? { key, certificate } : undefined });
    const road = await Road.to(server.port);
    const circumstances = {
      state: workshop.bench.desk.path(`state-${place}`),
      env: { MILLINER_REDIS: server.urlBy(road.port), SSL_CERT_FILE: certificate },
    };
    try {
      const worker = workshop.worker(['--key', workshop.bench.key], circumstances);
      const to = `${workshop.bench.server.host}/${place}/{{name}}:1`;
      const release = workshop.ends(workshop.releasing([recipe], to, '--json'), circumstances);
      const begins = ({ job = '', message }: { job?: string; message: string }) =>
        job.split('.')[1] === stage && message.startsWith('begins');
      await worker.says(begins);
      await does({ server, road, expired });
      const { code, stdout } = await release;
      const tags = await workshop.bench.tags(`${place}/hat`);
      if (code === 0) expect([passes, tags.length]).toEqual([true, 4]);
      else expect(codes).toContain(codeOf(stdout));
      worker.kill('SIGTERM');
      expect((await worker.ended).signal).toBeUndefined();
    } finally {
      road.close();
      await server.close();
    }
  },
);

/**
 * Faults are planted in the layer writer, one at a time: in its compiled JavaScript and in the engine's C++. The command
 * may fail, or make an image that shows the same: it must not end well with a wrong one. Which faults there are is
 * generated from the code, not chosen.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache } from '../../../spec/places.ts';
import { allPoints, sample, type Planned } from './planted/plan.ts';
import { soak } from '../../helpers/soak.ts';
import { Program } from './planted/program.ts';
import { Scene } from './planted/scene.ts';
import { verdictOf, type Verdict } from './planted/verdict.ts';

const count = soak ? 300 : 12;
const seed = Number(process.env['MILLINER_SEED'] ?? 1);
const place = join(cache, `planted-${process.pid}`);

let scene: Scene;
let planned: Planned[];
let others: Planned[];

beforeAll(async () => {
  scene = await Scene.open();
  ({ planned, others } = sample(allPoints(), seed, count));
});
afterAll(async () => {
  await scene.remove();
  // A process that was ended may still be writing its compile cache.
  await rm(place, { recursive: true, force: true, maxRetries: 5 });
});

test(
  'no fault in the layer writer makes a wrong image that passes for a right one',
  async () => {
    // Two faults of one name are two: an expression and its first part begin at one place.
    const verdicts: [string, Verdict][] = [];
    const work = async (_: unknown, slot: number) => {
      const program = await Program.copy(join(place, String(slot)));
      for (let next = planned.pop(); next; next = planned.pop()) {
        const verdict = await verdictOf(scene, program, next);
        if (!verdict) {
          planned.push(...others.splice(0, 1));
          continue;
        }
        const name = `${next.point.name} (${next.subject.kind}, ${next.subject.isAlone ? 'alone' : 'on a base'})`;
        verdicts.push([name, verdict]);
        if (soak) process.stderr.write(`${name}: ${JSON.stringify(verdict)}\n`);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    const by = Object.groupBy(verdicts, ([, { ended }]) => ended);
    const codes = Object.groupBy(by.found ?? [], ([, verdict]) => ('code' in verdict ? verdict.code : ''));
    const counts = [...Object.entries(by), ...Object.entries(codes)].map(([key, all = []]) => [
      key,
      all.length,
    ]);
    process.stderr.write(`faults planted: ${JSON.stringify(Object.fromEntries(counts))}\n`);
    expect(by.missed ?? []).toEqual([]);
    expect(verdicts).toHaveLength(count);
    expect(by.found?.length ?? 0).toBeGreaterThanOrEqual(soak ? 100 : 2);
  },
  soak ? 7_200_000 : undefined,
);

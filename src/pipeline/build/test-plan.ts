/** How an image is to be tested: the recipe's words, completed by what the image itself tells. */
import { basename } from 'node:path';
import type { RuntimeConfig } from '../../stages/image/image.ts';
import { testSchema, type TestPlan } from '../../stages/recipe/schema.ts';

const inits = new Set(['init', 'systemd']);

/** Without a word of the recipe, what runs as init is systemd: as podman tells it. */
export function testPlanOf(test: TestPlan | undefined, { entrypoint = [], cmd = [] }: RuntimeConfig) {
  const [program = ''] = [...entrypoint, ...cmd];
  const plan = test ?? testSchema.parse({});
  return { ...plan, init: plan.init ?? (plan.ready.unit !== undefined || inits.has(basename(program))) };
}

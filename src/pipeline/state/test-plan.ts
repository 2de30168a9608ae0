/** The test section of the recipe, completed from the image's configuration. */
import { basename } from 'node:path';
import type { RuntimeConfig } from '../../stages/image/image.ts';
import { testSchema, type TestPlan } from '../../stages/recipe/schema.ts';

const inits = new Set(['init', 'systemd']);

/** If the recipe does not say so, a command called init or systemd is taken for systemd, as podman does. */
export function testPlanOf(test: TestPlan | undefined, { entrypoint = [], cmd = [] }: RuntimeConfig) {
  const [program = ''] = [...entrypoint, ...cmd];
  const plan = test ?? testSchema.parse({});
  return { ...plan, init: plan.init ?? (plan.ready.unit !== undefined || inits.has(basename(program))) };
}

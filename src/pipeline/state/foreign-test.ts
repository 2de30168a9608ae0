/** How an image is tested that no build of this state has made. */
import { testAnnotation, type RuntimeConfig } from '../../stages/image/image.ts';
import { testSchema, type TestPlan } from '../../stages/recipe/schema.ts';
import type { ImageRecord } from './image-records.ts';
import { testPlanOf } from './test-plan.ts';

/** The test of an image that another builder, or another state, has made: what its manifest says, or the usual one. */
export function testIn(
  annotations: Record<string, string> | undefined,
  config: RuntimeConfig,
): ImageRecord['test'] {
  const said = testSchema.safeParse(jsonIn(annotations?.[testAnnotation]));
  return testPlanOf(said.success ? withoutWayOut(said.data) : undefined, config);
}

/**
 * What an image may reach is granted on this host, by a recipe of its own: its maker could list addresses
 * of its private networks.
 */
function withoutWayOut({ network, egress: _egress, ...test }: TestPlan): TestPlan {
  return { ...test, ...(network !== undefined && { network: network === 'egress' ? 'private' : network }) };
}

/** Undefined if it is none, which the schema refuses. */
function jsonIn(text = 'null'): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

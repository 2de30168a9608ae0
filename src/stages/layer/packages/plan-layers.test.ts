import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { expectedUpdate, planLayers, type Plan, type Component } from './plan-layers.ts';

const sources = (maxLayers: number) =>
  fc
    .array(fc.record({ size: fc.integer({ min: 1, max: 1e7 }), rate: fc.integer({ min: 0, max: 50 }) }), {
      minLength: 1,
      maxLength: maxLayers,
    })
    .map((found): Component[] => found.map((one, index) => ({ name: `s${index}`, ...one })));

/** Every way to put the sources into layers. */
function* allPlans(names: string[], maxLayers: number): Generator<Plan> {
  const [first, ...rest] = names;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const plan of allPlans(rest, maxLayers)) {
    for (const index of plan.keys()) yield plan.with(index, [first, ...plan[index]!]);
    if (plan.length < maxLayers) yield [[first], ...plan];
  }
}

const namesIn = (plan: Plan) => plan.flat().toSorted();

test.each([
  // Runs of neighbours are the best there is where all change alike, and near it elsewhere.
  { alike: true, slack: 1 + 1e-9 },
  { alike: false, slack: 1.15 },
])('a first plan has every source once and is as cheap as any, alike: $alike', ({ alike, slack }) => {
  fc.assert(
    fc.property(sources(6), fc.integer({ min: 1, max: 4 }), (found, maxLayers) => {
      const all = alike ? found.map((one) => ({ ...one, rate: 1 })) : found;
      const plan = planLayers(all, maxLayers);
      expect(plan.length).toBeLessThanOrEqual(maxLayers);
      expect(namesIn(plan)).toEqual(all.map(({ name }) => name).toSorted());
      const costs = [
        ...allPlans(
          all.map(({ name }) => name),
          maxLayers,
        ),
      ].map((one) => expectedUpdate(all, one));
      expect(expectedUpdate(all, plan)).toBeLessThanOrEqual(Math.min(...costs) * slack);
    }),
    { numRuns: 60 },
  );
});

test('the next plan moves nothing that stays', () => {
  fc.assert(
    fc.property(sources(40), sources(40), fc.integer({ min: 1, max: 12 }), (before, after, maxLayers) => {
      // Names of both begin at s0: what is in both stays, the rest departs or joins.
      const previous = planLayers(before, maxLayers);
      const next = planLayers(after, maxLayers, previous);
      expect(next.length).toBeLessThanOrEqual(Math.max(maxLayers, 1));
      expect(namesIn(next)).toEqual(after.map(({ name }) => name).toSorted());
      const stayed = new Set(after.map(({ name }) => name));
      for (const layer of previous) {
        const left = layer.filter((name) => stayed.has(name));
        if (left.length === 0) continue;
        const now = next.filter((names) => left.some((name) => names.includes(name)));
        expect(now).toHaveLength(1);
      }
      expect(planLayers(after, maxLayers, next)).toEqual(next);
    }),
    { numRuns: 200 },
  );
});

test('fewer layers than before: some merge, none is taken apart', () => {
  fc.assert(
    fc.property(sources(40), (all) => {
      const previous = planLayers(all, 12);
      const next = planLayers(all, 3, previous);
      expect(next.length).toBeLessThanOrEqual(3);
      expect(namesIn(next)).toEqual(namesIn(previous));
      for (const layer of previous) {
        const at = next.find((names) => names.includes(layer[0]!))!;
        expect(layer.every((name) => at.includes(name))).toBe(true);
      }
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planImages } from './plan-images.ts';
import type { Finding, Move, PlannedAdvisory } from './planned-image.ts';

const advisory: PlannedAdvisory = {
  id: 'A-1',
  type: 'security',
  severity: 'Important',
  cves: ['CVE-2026-1234'],
  title: 'lib',
};
const moveOf = (name: string, advisories: PlannedAdvisory[] = []): Move => ({
  name,
  arch: 'x86_64',
  from: `${name}-1-1.x86_64`,
  to: `${name}-2-1.x86_64`,
  advisories,
});
const found = (recipe: string, bases: string[], fields: Partial<Finding> = {}): Finding => ({
  recipe,
  path: `${recipe}.yaml`,
  bases,
  arches: ['x86_64'],
  isRecipeChanged: false,
  changes: [],
  ...fields,
});
const change = (own: Move[], bytes: number, all = own, arch = 'x86_64') => ({ arch, own, all, bytes });

test('a change of a base reaches all that stands on it, bases first, with the bytes of the base', () => {
  const move = moveOf('lib', [advisory]);
  const plan = planImages([
    found('product', ['base', 'middle'], { changes: [change([], 0, [move])] }),
    found('middle', ['base'], { changes: [change([moveOf('app')], 10, [move, moveOf('app')])] }),
    found('base', [], { changes: [change([move], 100)] }),
    found('other', []),
  ]);
  expect(plan.images.map(({ recipe }) => recipe)).toEqual(['base', 'middle', 'product']);
  expect(plan.unchanged).toEqual(['other']);
  expect(plan.images.map(({ updateBytes }) => updateBytes)).toEqual([100, 110, 110]);
  expect(plan.images.map(({ reasons }) => reasons)).toEqual([
    [{ kind: 'package', from: 'lib-1-1.x86_64', to: 'lib-2-1.x86_64', advisories: ['A-1'] }],
    [
      { kind: 'package', from: 'app-1-1.x86_64', to: 'app-2-1.x86_64', advisories: [] },
      { kind: 'base', base: 'base' },
    ],
    [{ kind: 'base', base: 'middle' }],
  ]);
  expect(plan.images.map(({ advisories }) => advisories)).toEqual([[advisory], [advisory], [advisory]]);
  expect(plan.images.map(({ priority }) => priority)).toEqual(['high', 'high', 'high']);
});

test('an urgent image takes its bases with it, and nothing else', () => {
  const { images } = planImages([
    found('a-late', [], { changes: [change([moveOf('x')], 1)] }),
    found('base', [], { changes: [change([moveOf('y')], 1)] }),
    found('product', ['base'], { changes: [change([moveOf('lib', [advisory])], 1)] }),
    found('sibling', ['base'], { isRecipeChanged: true }),
  ]);
  expect(images.map(({ recipe, priority }) => [recipe, priority])).toEqual([
    ['base', 'high'],
    ['product', 'high'],
    ['a-late', 'normal'],
    ['sibling', 'normal'],
  ]);
});

test('what stands on a recipe that failed is skipped, the rest is planned', () => {
  const failure = { code: 'SOLVE_FAILED', message: 'no', hint: 'Fix it.' };
  const plan = planImages([
    found('base', [], { failure }),
    found('middle', ['base'], { failure }),
    found('product', ['base', 'middle'], { isRecipeChanged: true }),
    found('other', [], { changedBase: 'registry.example/base:1' }),
  ]);
  expect(plan.failed).toEqual([{ recipe: 'base', ...failure }]);
  expect(plan.skipped).toEqual([
    { recipe: 'middle', base: 'base' },
    { recipe: 'product', base: 'base' },
  ]);
  expect(plan.images.map(({ reasons }) => reasons)).toEqual([
    [{ kind: 'base', base: 'registry.example/base:1' }],
  ]);
});

test('a package of both architectures is one reason, and a reader pays for one of them', () => {
  const noarch = { ...moveOf('data'), arch: 'noarch', from: 'data-1-1.noarch', to: 'data-2-1.noarch' };
  const { images } = planImages([
    found('base', [], { changes: [change([noarch], 5), change([noarch], 7, [noarch], 'i686')] }),
  ]);
  expect(images[0]!.reasons).toHaveLength(1);
  expect(images[0]!.packages).toHaveLength(1);
  expect(images[0]!.updateBytes).toBe(7);
});

/** Recipes 0 to n: each stands on an earlier one or on none. */
const graph = fc
  .array(fc.record({ base: fc.nat(), touched: fc.boolean(), failed: fc.integer({ min: 0, max: 9 }) }), {
    minLength: 1,
    maxLength: 20,
  })
  .map((nodes) =>
    nodes.map(({ base, touched, failed }, index) => {
      const at = base % (index + 1);
      return { name: `r${index}`, base: at === index ? undefined : `r${at}`, touched, failed: failed === 0 };
    }),
  );

test('of random graphs the images, their order and what is skipped are those of a search from each image', () => {
  fc.assert(
    fc.property(graph, fc.nat(), (nodes, turn) => {
      const byName = new Map(nodes.map((one) => [one.name, one]));
      const chainOf = (name: string): string[] => {
        const { base } = byName.get(name)!;
        return base === undefined ? [] : [...chainOf(base), base];
      };
      const findings = nodes.map(({ name, touched, failed }) =>
        found(name, chainOf(name), {
          changes: touched ? [change([moveOf(name)], 1)] : [],
          ...(failed && { failure: { code: 'SOLVE_FAILED', message: 'no', hint: 'Fix it.' } }),
        }),
      );
      const at = turn % nodes.length;
      const plan = planImages([...findings.slice(at), ...findings.slice(0, at)]);
      const self = (name: string) => [name, ...chainOf(name)];
      const sound = nodes.filter(({ name }) => !self(name).some((one) => byName.get(one)!.failed));
      const expected = sound.filter(({ name }) => self(name).some((one) => byName.get(one)!.touched));
      expect(plan.images.map(({ recipe }) => recipe).toSorted()).toEqual(
        expected.map(({ name }) => name).toSorted(),
      );
      expect(plan).toEqual(planImages(findings));
      for (const [index, { bases }] of plan.images.entries()) {
        const later = plan.images.slice(index).map(({ recipe }) => recipe);
        expect(bases.filter((base) => later.includes(base))).toEqual([]);
      }
      expect(plan.images.length + plan.unchanged.length + plan.failed.length + plan.skipped.length).toBe(
        nodes.length,
      );
    }),
  );
});

import { expect, test } from 'vitest';
import type { Digest } from '../../lib/oci/digest.ts';
import type { SiteImage } from '../facts/site-facts.ts';
import { lineageView } from './lineage.ts';

const digestOf = (name: string): Digest =>
  `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`;

function image(name: string, base?: string): SiteImage {
  return {
    id: `${name}.x86_64`,
    name,
    arch: 'x86_64',
    digest: digestOf(name),
    created: '2026-11-30T00:00:00.000Z',
    layers: [{ digest: digestOf(`layer of ${name}`), size: 1000, recipe: name, holds: name }],
    packages: [],
    lock: 'none',
    ...(base !== undefined && { base: digestOf(base) }),
    config: { env: {}, exposedPorts: [], volumes: [], labels: {} },
    build: { normalised: 0, removedKeys: 0, state: 0, verification: 0, warnings: [] },
    former: [],
    silentRepositories: [],
    references: [],
  };
}

test('a base lies left of what stands on it, and each has a line to it', () => {
  const { nodes, edges } = lineageView([image('a'), image('b', 'a'), image('c', 'b')]);
  const x = new Map(nodes.map((node) => [node.label, node.x]));
  expect(edges).toHaveLength(2);
  expect(x.get('a')).toBeLessThan(x.get('b')!);
  expect(x.get('b')).toBeLessThan(x.get('c')!);
});

test('nodes do not lie on each other', () => {
  const { nodes, box } = lineageView([image('a'), ...['b', 'c', 'd'].map((name) => image(name, 'a'))]);
  for (const [index, one] of nodes.entries())
    for (const other of nodes.slice(index + 1))
      expect(one.x !== other.x || Math.abs(one.y - other.y) >= box.height).toBe(true);
});

test('a base that others built is shown by its digest, without a link', () => {
  const { nodes } = lineageView([image('a', 'outside'), image('b', 'outside')]);
  expect(nodes.map(({ href }) => href).filter((href) => href === '')).toHaveLength(1);
  expect(nodes).toHaveLength(3);
});

test('an image that names itself as its base has a place all the same', () => {
  expect(lineageView([image('a', 'a')]).nodes.map(({ label }) => label)).toContain('a');
});

test('of very many images only those that others stand on have a node of their own', () => {
  const many = Array.from({ length: 300 }, (_, index) => image(`leaf-${index}`, 'base'));
  const { nodes } = lineageView([image('base'), ...many]);
  expect(nodes.map(({ label }) => label)).toEqual(['300 images', 'base']);
});

import { expect, test } from 'vitest';
import { inheritConfig, makeImage, type RuntimeConfig } from './image.ts';

const title = 'org.opencontainers.image.title';
const version = 'org.opencontainers.image.version';
const plain: RuntimeConfig = { env: {}, exposedPorts: [], volumes: [], labels: {} };
const labelsOf = (config: RuntimeConfig, release?: string) => {
  const image = makeImage({
    test: {},
    name: 'product',
    arch: 'x86_64',
    epoch: 0,
    config,
    layers: [],
    release,
  });
  return {
    labels: (JSON.parse(image.config.toString()) as { config: { Labels: object } }).config.Labels,
    annotations: (JSON.parse(image.manifest.toString()) as { annotations: object }).annotations,
  };
};

test("the recipe's own title and version stand where it gives them", () => {
  const own = { [title]: 'The Product', [version]: '2.1' };
  const { labels, annotations } = labelsOf({ ...plain, labels: own }, '43');
  expect(labels).toEqual(own);
  expect(annotations).toMatchObject(own);
});

test('else the title is the name, and the version the release', () => {
  const { labels, annotations } = labelsOf(plain, '43');
  expect(labels).toEqual({ [title]: 'product' });
  expect(annotations).toMatchObject({ [title]: 'product', [version]: '43' });
});

test("a base's title and version are its own, its other labels are handed on", () => {
  const base = { ...plain, labels: { [title]: 'Base', [version]: '9', vendor: 'V', kept: 'base' } };
  expect(inheritConfig(base, { ...plain, labels: { kept: 'own' } }).labels).toEqual({
    vendor: 'V',
    kept: 'own',
  });
});

test('how often a boot is repeated does not change the digest, and all else of a test does', () => {
  const digestOf = (plan: { retries?: number; settle?: string }) =>
    makeImage({ test: plan, name: 'product', arch: 'x86_64', epoch: 0, config: plain, layers: [] })
      .manifestDigest;
  expect(digestOf({ settle: '1s', retries: 5 })).toBe(digestOf({ settle: '1s' }));
  expect(digestOf({ settle: '2s' })).not.toBe(digestOf({ settle: '1s' }));
});

test('a new entrypoint drops the command of the base, an empty one both', () => {
  const base = { ...plain, entrypoint: ['/bin/a'], cmd: ['b'] };
  expect(inheritConfig(base, plain)).toMatchObject({ entrypoint: ['/bin/a'], cmd: ['b'] });
  expect(inheritConfig(base, { ...plain, entrypoint: ['/bin/c'] }).cmd).toBeUndefined();
  expect(inheritConfig(base, { ...plain, entrypoint: [] })).toMatchObject({ entrypoint: [], cmd: undefined });
});

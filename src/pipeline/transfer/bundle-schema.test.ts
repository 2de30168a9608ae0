/** What a bundle from another machine may name: its own files, and images. */
import { expect, test } from 'vitest';
import type { Digest } from '../../lib/oci/digest.ts';
import { parseBundle } from './bundle-schema.ts';

const digest: Digest = `sha256:${'1'.repeat(64)}`;
const recipe = {
  name: 'hat',
  repos: [{ name: 'vendor', baseurl: 'https://example.com', keys: [{ file: '../keys/1-vendor' }] }],
  files: [{ path: '/etc/hat', template: 'hat.conf.hbs' }],
  packages: ['felt'],
};
const bundle = {
  version: 1,
  recipes: [{ file: 'hat.yaml', recipe, lock: null }],
  keys: { '1-vendor': 'AAAA' },
  templates: { 'hat.conf.hbs': 'felt' },
};
const parse = (value: unknown) => parseBundle(digest, Buffer.from(JSON.stringify(value)));
const withRecipe = (change: object, more: object = {}) => ({
  ...bundle,
  recipes: [{ ...bundle.recipes[0], recipe: { ...recipe, ...change }, ...more }],
});

test('what Milliner bundles is taken', () => {
  expect(parse(bundle)).toEqual(bundle);
  expect(() => parse(withRecipe({ from: 'base' }))).not.toThrow();
  expect(() => parse(withRecipe({ from: { image: 'a.example.com/b:1', unsigned: true } }))).not.toThrow();
});

test.each([
  ['a directory to build on', withRecipe({ from: { directory: '/etc' } })],
  ['a file to build on', withRecipe({ from: { tar: '/root/secret.tar' } })],
  ['a key of the worker', withRecipe({ repos: [{ ...recipe.repos[0], keys: [{ file: '/etc/shadow' }] }] })],
  ['a key by a way around', withRecipe({ repos: [{ ...recipe.repos[0], keys: ['../keys/../../secret'] }] })],
  ['a key that it lacks', { ...bundle, keys: {} }],
  ["an image's key of the worker", withRecipe({ from: { image: 'a.example.com/b', keys: ['/etc/shadow'] } })],
  ['a template of the worker', withRecipe({ files: [{ path: '/x', template: '/etc/shadow' }] })],
  ['a template by a way around', withRecipe({ files: [{ path: '/x', template: '../../etc/shadow' }] })],
  ['a template that is everything', withRecipe({ files: [{ path: '/x', template: 'constructor' }] })],
  ['a recipe with a path for a name', withRecipe({}, { file: '../hat.yaml' })],
  ['a recipe that is a directory', withRecipe({}, { file: '..' })],
  ['a key with a path for a name', { ...bundle, keys: { '../../etc/cron.d/x': 'AAAA' } }],
  ['no recipe', { ...bundle, recipes: [] }],
  ['a field of its own', { ...bundle, state: '/var/lib' }],
  ['another version', { ...bundle, version: 2 }],
  ['nothing', null],
])('refused: %s', (_name, value) => {
  expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }) as Error);
});

test('refused: no JSON', () => {
  expect(() => parseBundle(digest, Buffer.from('{'))).toThrow(
    expect.objectContaining({ code: 'STATE_INVALID' }) as Error,
  );
});

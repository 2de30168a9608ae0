import { expect, test } from 'vitest';
import { recipeSchema, type Recipe } from '../../stages/recipe/schema.ts';
import { inputsOf } from './freshness.ts';

const repository = { name: 'r', baseurl: 'https://example.com/r', gpgcheck: false };
const inputs = (fields: object) =>
  inputsOf(
    recipeSchema.parse({ name: 'a', packages: ['p'], repos: [{ ...repository, ...fields }] }) as Recipe,
  );

test('a lock goes stale with what its answer depends on, and with nothing else', () => {
  // As locks that were made before there were costs, pins and the like have it.
  const before = inputs({});
  expect(before).toBe('sha256:28701389eea27b8423617d64f58a11c0d7c14bdfc33aa9f70c9bace9ad212d82');
  const key = { file: 'k', fingerprint: 'AB'.repeat(20) };
  for (const same of [
    { cost: 1000, priority: 99 },
    { include: [], moduleHotfixes: false },
    { keys: [key], gpgcheck: true, repoGpgcheck: true },
    { timeout: '5s', minRate: 10, sslCaCert: 'ca', sslClientCert: 'c', sslClientKey: 'k' },
  ]) {
    expect(inputs(same)).toBe(before);
  }
  for (const other of [
    { cost: 999 },
    { priority: 1 },
    { exclude: ['x'] },
    { include: ['x'] },
    { moduleHotfixes: true },
    { baseurl: ['https://example.com/r', 'https://example.com/s'] },
    { baseurl: 'https://example.com/s' },
  ]) {
    expect(inputs(other)).not.toBe(before);
  }
});

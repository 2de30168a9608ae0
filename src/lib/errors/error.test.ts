import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorTable, exitCodes, MillinerError, type ErrorCode } from './error.ts';

const codes = Object.keys(errorTable) as ErrorCode[];

test.each(codes)('%s has a summary, a hint and an exit code', (code) => {
  const { kind, summary, hint } = errorTable[code];
  expect(summary).toMatch(/[^.:;\s]$/);
  expect(hint).toMatch(/^[A-Z].*\.$/);
  const error = new MillinerError(code, 'a thing');
  expect(error.hint).toBe(hint);
  expect(error.exitCode).toBe(exitCodes[kind]);
  expect(error.exitCode).toBeGreaterThan(0);
});

test('every kind of error has an exit code of its own, and every code is used', () => {
  expect(new Set(Object.values(exitCodes)).size).toBe(Object.keys(exitCodes).length);
  const root = join(import.meta.dirname, '../..');
  const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/^lib\/errors\/|\.test\.ts$/.test(path))
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n');
  expect(codes.filter((code) => !source.includes(`'${code}'`))).toEqual([]);
});

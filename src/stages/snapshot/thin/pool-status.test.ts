import { expect, test } from 'vitest';
import { requireWritable, isLow, parseStatus } from './pool-status.ts';

const line = (mode: string, more = '') =>
  `7 220/4608 100/1000 - ${mode} discard_passdown error_if_no_space ${more}1024 `;

test('the fields of a status line', () => {
  expect(parseStatus(line('rw', '- '))).toEqual({
    transactionId: 7,
    metadata: { used: 220 * 4096, total: 4608 * 4096 },
    data: { used: 100 * 65_536, total: 1000 * 65_536 },
    mode: 'rw',
    needsCheck: false,
  });
  expect(parseStatus(line('ro', 'needs_check ')).needsCheck).toBe(true);
  expect(parseStatus('7 220/4608 100/1000 1234 rw discard_passdown queue_if_no_space - 1024').mode).toBe(
    'rw',
  );
});

test.for(['Fail', 'Error', '', 'x 1/2 3/4', '7 220/4608 100/1000 - unknown'])(
  '%j is a pool that failed',
  (text) => {
    expect(parseStatus(text)).toMatchObject({ mode: 'failed', needsCheck: true });
    expect(() => requireWritable(parseStatus(text))).toThrow(
      expect.objectContaining({ code: 'POOL_DAMAGED' }) as Error,
    );
  },
);

test.for([
  [line('rw', '- '), undefined],
  [line('out_of_data_space', '- '), 'POOL_FULL'],
  ['7 220/4608 1000/1000 - rw x y - 1024', 'POOL_FULL'],
  ['7 4590/4608 100/1000 - rw x y - 1024', 'POOL_METADATA_FULL'],
  ['7 4608/4608 100/1000 - ro x y - 1024', 'POOL_METADATA_FULL'],
  ['7 4608/4608 100/1000 - ro x y needs_check 1024', 'POOL_DAMAGED'],
  [line('ro', '- '), 'POOL_DAMAGED'],
] as const)('%j: %s', ([text, code]) => {
  const check = () => requireWritable(parseStatus(text));
  if (code === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code }) as Error);
});

test('low is less than the mark', () => {
  const config = { lowWater: 20 } as Parameters<typeof isLow>[0];
  const used = (blocks: number) => parseStatus(`7 1/4608 ${blocks}/1000 - rw x y - 1024`);
  expect([isLow(config, used(800)), isLow(config, used(801))]).toEqual([false, true]);
});

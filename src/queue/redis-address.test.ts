/** What a Redis may be reached by. */
import { afterEach, expect, test, vi } from 'vitest';
import { redisOptions, plainVariable } from './redis-address.ts';

afterEach(() => vi.unstubAllEnvs());

const codeOf = (url: string) => {
  try {
    redisOptions(url);
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test.each([
  'redis://redis.example.com',
  'redis://user:word@10.0.0.1:6380/2',
  'redis://[2001:db8::1]',
  'redis://localhost.example.com',
  'redis://127.0.0.1.example.com',
  'redis://2130706434.example.com',
  'redis+sentinel://one.example.com,two.example.com/primary',
  'redis+sentinel://localhost,two.example.com/primary',
])('nobody on the way may read or write: %s', (url) => {
  expect(codeOf(url)).toBe('QUEUE_UNSAFE');
  vi.stubEnv(plainVariable, 'no');
  expect(codeOf(url)).toBe('QUEUE_UNSAFE');
  vi.stubEnv(plainVariable, 'yes');
  expect(codeOf(url)).toBe('none');
});

test.each([
  'redis://localhost',
  'redis://127.0.0.1:6380',
  'redis://127.1.2.3',
  'redis://[::1]:6380',
  'rediss://redis.example.com',
  'unix:///run/redis.sock',
  'rediss+sentinel://one.example.com/primary',
  'redis+sentinel://localhost,127.0.0.1/primary',
])('%s needs no word for it', (url) => expect(codeOf(url)).toBe('none'));

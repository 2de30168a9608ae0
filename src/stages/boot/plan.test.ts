import { expect, test } from 'vitest';
import { testSchema } from '../recipe/schema.ts';
import { describeCheck } from './plan.ts';

test.each([
  [{ tcp: 3306 }, 'tcp 3306'],
  [{ http: 'http://localhost:8080/hats?size=58' }, 'http http://localhost:8080/hats?size=58'],
  [{ exec: ['mariadb-admin', 'ping'] }, 'exec mariadb-admin ping'],
])('check %j', (check, text) => {
  expect(testSchema.parse({ checks: [check] }).checks.map(describeCheck)).toEqual([text]);
});

test.each([
  [{}, true],
  [{ retries: 0 }, true],
  [{ retries: 5 }, true],
  [{ retries: 6 }, false],
  [{ retries: -1 }, false],
  [{ retries: 0.5 }, false],
  [{ retries: '1' }, false],
])('a test with %j is valid: %s', (plan, isValid) => {
  expect(testSchema.safeParse(plan).success).toBe(isValid);
});

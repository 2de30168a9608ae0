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

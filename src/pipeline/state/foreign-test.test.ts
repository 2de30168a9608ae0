import { expect, test } from 'vitest';
import { testAnnotation } from '../../stages/image/image.ts';
import { testIn } from './foreign-test.ts';

const config = { env: {}, exposedPorts: [], volumes: [], labels: {} };
const read = (said: unknown) => testIn({ [testAnnotation]: JSON.stringify(said) }, config);

test('an image from elsewhere is tested as its manifest says', () => {
  expect(read({ settle: '1s', limits: { memory: '64M' } })).toMatchObject({ settle: '1s', init: false });
});

test('it is granted no way out, which could lead into the networks of this host', () => {
  const egress = [{ host: '10.0.0.1', port: 22 }];
  const found = read({ network: 'egress', egress });
  expect([found.network, found.egress]).toEqual(['private', undefined]);
});

test('what is no test is the usual one', () => {
  const standard = testIn(undefined, config);
  expect(testIn({ [testAnnotation]: '{' }, config)).toEqual(standard);
  expect(read({ network: 'egress' })).toEqual(standard);
  expect(read({ limits: { memory: 1 } })).toEqual(standard);
});

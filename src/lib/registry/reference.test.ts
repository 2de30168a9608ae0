import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apiHost, isLoopback, parseReference, showReference } from './reference.ts';

const digest = `sha256:${'0a'.repeat(32)}` as const;

test.each([
  ['localhost/hat', { registry: 'localhost', repository: 'hat' }],
  ['127.0.0.1:5000/felt/hat:1', { registry: '127.0.0.1:5000', repository: 'felt/hat', tag: '1' }],
  ['[::1]:5000/hat:_x.y-z', { registry: '[::1]:5000', repository: 'hat', tag: '_x.y-z' }],
  [`quay.io/a/b__c/d--e.f@${digest}`, { registry: 'quay.io', repository: 'a/b__c/d--e.f', digest }],
  [`R.example/hat:v1@${digest}`, { registry: 'r.example', repository: 'hat', tag: 'v1', digest }],
  ['Index.Docker.io/busybox:1', { registry: 'docker.io', repository: 'library/busybox', tag: '1' }],
  ['docker.io/busybox:1', { registry: 'docker.io', repository: 'library/busybox', tag: '1' }],
])('%s', (text, expected) => {
  const reference = parseReference(text);
  expect(reference).toEqual(expected);
  expect(parseReference(showReference(reference))).toEqual(reference);
});

test.each([
  '',
  'hat',
  'felt/hat',
  'localhost/',
  'localhost/Hat',
  'localhost/a//b',
  'localhost/a/../b',
  'localhost/a_.b',
  'localhost/hat:',
  `localhost/hat:${'t'.repeat(129)}`,
  'localhost/hat:a:b',
  'localhost/hat@sha256:00',
  `localhost/hat@${digest}@${digest}`,
  `localhost/hat@${digest.toUpperCase()}`,
  `localhost/${'a'.repeat(250)}`,
  'https://localhost/hat',
  'user:secret@localhost/hat',
  'local host:5000/hat',
  'a.example:99999/hat',
  '-a.example/hat',
  '[::1/hat',
  '[:::]:5000/hat',
  'localhost/hat\n',
])('%j is refused', (text) => {
  expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
});

test('whatever is given, the answer shows as it was read', () => {
  const unit = fc.constantFrom('a', 'Z', '0', '.', '_', '-', '/', ':', '@', '[', ']', 'localhost/', digest);
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
      let reference;
      try {
        reference = parseReference(units.join(''));
      } catch {
        return;
      }
      expect(parseReference(showReference(reference))).toEqual(reference);
    }),
  );
});

test('only what stays on the host is loopback', () => {
  for (const one of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.9.9.9:5000', '[::1]:5000'])
    expect(isLoopback(one)).toBe(true);
  for (const one of ['127.0.0.1.example', '127.example:1', 'localhost.example', '10.0.0.1', '[::2]:1'])
    expect(isLoopback(one)).toBe(false);
});

test('the API of Docker Hub is elsewhere', () => {
  expect(apiHost('quay.io')).toBe('quay.io');
  expect(apiHost('docker.io')).toBe('registry-1.docker.io');
});

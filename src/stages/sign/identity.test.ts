import { expect, test } from 'vitest';
import { requireIdentity } from './identity.ts';

const holds = (signed: string, reference: string, orRepository = false) => {
  try {
    return requireIdentity(signed, { reference, orRepository }, 'sig') === signed;
  } catch {
    return false;
  }
};

test.each([
  ['r.example/hat:1', 'r.example/hat:1'],
  ['r.example/hat:1', 'r.example/hat'],
  ['r.example:5000/hat:1', 'r.example:5000/hat'],
  // cosign 2 has Docker Hub's former name.
  ['index.docker.io/felt/hat:1', 'docker.io/felt/hat:1'],
  ['docker.io/busybox:1', 'docker.io/library/busybox:1'],
])('%s is a signature of %s', (signed, reference) => {
  expect(holds(signed, reference)).toBe(true);
});

test.each([
  ['r.example/hat:1', 'r.example/hat:2'],
  ['r.example/hat', 'r.example/hat:1'],
  ['r.example/hat:1', 'r.example/cap'],
  ['r.example:5000/hat', 'r.example/hat'],
  ['evil.example/index.docker.io/felt/hat:1', 'docker.io/felt/hat:1'],
  ['', 'r.example/hat'],
])('%s is none of %s', (signed, reference) => {
  expect(holds(signed, reference)).toBe(false);
});

test('of a repository alone, where that will do', () => {
  expect(holds('index.docker.io/felt/hat', 'docker.io/felt/hat:1', true)).toBe(true);
  expect(holds('docker.io/felt/hat:2', 'docker.io/felt/hat:1', true)).toBe(false);
});

import { expect, test } from 'vitest';
import { shownClaims } from './shown-claims.ts';

const sealed = (payload: string) => ({
  payloadType: 'application/vnd.milliner.request.v1+json',
  payload: Buffer.from(payload).toString('base64'),
  signatures: [{ keyid: 'f'.repeat(32), sig: 'AAAA' }],
});

test('a claim is shown as what it says, wherever it is in the data of a job', () => {
  const claim = sealed('{"recipe":"hat"}');
  const shown = { type: claim.payloadType, machine: 'f'.repeat(32), says: { recipe: 'hat' } };
  expect(shownClaims({ request: claim, built: [claim] })).toEqual({ request: shown, built: [shown] });
});

test('a claim that holds no JSON is shown as such, and other data as it is', () => {
  expect(shownClaims(sealed('<script>'))).toMatchObject({ says: 'not JSON' });
  expect(shownClaims({ a: [1, 'b', null] })).toEqual({ a: [1, 'b', null] });
});

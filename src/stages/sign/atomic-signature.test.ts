import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillinerError } from '../../lib/errors/error.ts';
import { readAtomicSignature } from './atomic-signature.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;
const reference = 'registry.example.com:5000/team/app:1.0';
const repository = 'registry.example.com:5000/team/app';

const signatureOf = (docker: string, manifest: string = digest) => ({
  critical: {
    type: 'atomic container signature',
    image: { 'docker-manifest-digest': manifest },
    identity: { 'docker-reference': docker },
  },
  optional: { creator: 'atomic 1.0', timestamp: 1_700_000_000 },
});
const read = (content: object | string, expected = reference) =>
  readAtomicSignature(
    Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
    { digest, reference: expected },
    'signature-1',
  );
const codeOf = (content: object | string, expected?: string) => {
  try {
    return read(content, expected);
  } catch (error) {
    expect(error).toBeInstanceOf(MillinerError);
    return (error as MillinerError).code;
  }
};

test.each([
  [reference, reference, reference],
  [repository, reference, 'SIGNED_ELSEWHERE'],
  [`${repository}:2.0`, reference, 'SIGNED_ELSEWHERE'],
  [`${repository}:2.0`, repository, `${repository}:2.0`],
  ['registry.example.com/team/app:1.0', reference, 'SIGNED_ELSEWHERE'],
  [`${reference}@${digest}`, reference, 'SIGNED_ELSEWHERE'],
  ['', reference, 'SIGNED_ELSEWHERE'],
])('signed as %s, asked for as %s: %s', (signed, asked, outcome) => {
  expect(codeOf(signatureOf(signed), asked)).toBe(outcome);
});

test.each([
  ['another image', signatureOf(reference, `sha256:${'b'.repeat(64)}`)],
  [
    'another kind of signature',
    { ...signatureOf(reference), critical: { type: 'cosign container image signature' } },
  ],
  ['more than podman knows', { ...signatureOf(reference), more: 1 }],
  [
    'more that is critical',
    { ...signatureOf(reference), critical: { ...signatureOf(reference).critical, more: 1 } },
  ],
  ['nothing optional', { critical: signatureOf(reference).critical }],
  ['a creator that is no text', { ...signatureOf(reference), optional: { creator: 7 } }],
  ['text', 'atomic container signature'],
  ['other bytes than text', Buffer.from([0xff, 0xfe]).toString('latin1')],
])('%s is refused', (_name, content) => {
  expect(codeOf(content)).toBe('IMAGE_ALTERED');
});

test('whatever was signed, it is this image or a reason', () => {
  const text = JSON.stringify(signatureOf(reference));
  const change = fc.tuple(fc.nat(text.length - 1), fc.string({ maxLength: 3, unit: 'binary' }), fc.nat(5));
  const content = fc.oneof(
    fc.json(),
    change.map(([at, more, gone]) => text.slice(0, at) + more + text.slice(at + gone)),
  );
  fc.assert(
    fc.property(content, (one) => {
      const outcome = codeOf(one);
      if (outcome !== reference) expect(['IMAGE_ALTERED', 'SIGNED_ELSEWHERE']).toContain(outcome);
      else expect(one).toContain(digest);
    }),
    { numRuns: 500 },
  );
});

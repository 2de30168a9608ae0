/** What is signed verifies, the same input gives the same bytes, and each refusal has its own reason. */
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/lib/errors/error.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { toJson } from '../../../src/stages/sign/artifact.ts';
import { attachedEnvelopes, mergeAttestations } from '../../../src/stages/sign/attestation.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { signImage } from '../../../src/stages/sign/sign-image.ts';
import { bundledEnvelopes } from '../../../src/stages/sign/sigstore-bundle.ts';
import { mergeSignatures, verifySignatures } from '../../../src/stages/sign/simple-signing.ts';
import { maxDocumentBytes } from '../../../src/stages/sign/untrusted-json.ts';
import { verifyImageStatement, verifySboms, verifyVerdict } from '../../../src/stages/sign/verify.ts';
import { cosignBundle } from './cosign3.ts';
import {
  claims,
  expected,
  image,
  input,
  judge,
  key,
  named,
  other,
  publish,
  references,
  repository,
  signature,
  stranger,
  type Published,
} from './published.ts';

const refused = (code: ErrorCode) => expect.objectContaining({ code }) as Error;

describe('what is signed', () => {
  test('verifies, for every reference and claim', () => {
    const published = publish();
    for (const reference of references) expect(signature(published, reference)).toBe(reference);
    expect(signature(published, repository)).toBe(references[0]);
    for (const claim of Object.values(claims)) expect(() => claim(published)).not.toThrow();
    expect(claims.sboms(published)).toEqual({ packages: 0, files: 0 });
  });

  test('may be as large as documents are ever made', () => {
    const usual = input();
    const comment = 'x'.repeat(maxDocumentBytes - 8192);
    const { bundles, attestations } = signImage(key, {
      ...usual,
      sboms: { ...usual.sboms, spdx: { ...usual.sboms.spdx, comment } },
    });
    const att = mergeAttestations(key.public, image.digest, attestations);
    expect(claims.sboms({ ...publish(), att })).toEqual({ packages: 0, files: 0 });
    expect(claims.bundleSboms({ ...publish(), bundles })).toEqual({ packages: 0, files: 0 });
  });

  test('is the same bytes a second time, and then nothing has changed', () => {
    const once = publish();
    const again = publish(key, image, once);
    expect(again.sig.manifest.equals(once.sig.manifest)).toBe(true);
    expect(again.att.manifest.equals(once.att.manifest)).toBe(true);
    const bundles = (of: Published) => of.bundles.map(({ manifest }) => manifest.toString());
    expect(bundles(publish())).toEqual(bundles(once));
    const { signatures, attestations } = signImage(key, input());
    expect(mergeSignatures(key.public, image.digest, signatures, once.sig).changed).toBe(false);
    expect(mergeAttestations(key.public, image.digest, attestations, once.att).changed).toBe(false);
  });

  test('goes beside what others signed, whoever was first', () => {
    const both = publish(key, image, publish(stranger));
    const layers = JSON.parse(both.sig.manifest.toString()) as { layers: unknown[] };
    expect(layers.layers).toHaveLength(4);
    expect(judge(both)).toBe('holds');
    expect(judge(publish(stranger, image, publish()))).toBe('holds');
  });

  test('takes the place of what the same key said before', () => {
    const first = publish();
    const booted = input();
    const again = signImage(key, { ...booted, verdict: { ...booted.verdict, plan: { init: false } } });
    const merged = mergeAttestations(key.public, image.digest, again.attestations, first.att);
    const { layers } = JSON.parse(merged.manifest.toString()) as {
      layers: { annotations: { predicateType: string } }[];
    };
    expect(layers.map(({ annotations }) => annotations.predicateType)).toEqual([
      'https://spdx.dev/Document',
      'https://cyclonedx.org/bom',
      'https://in-toto.io/attestation/test-result/v0.1',
    ]);
    expect(merged.changed).toBe(true);
  });

  test('has booted, and as this image', () => {
    const { verdict, ...rest } = input();
    for (const wrong of [{ passed: false }, { manifestDigest: other.digest }]) {
      expect(() => signImage(key, { ...rest, verdict: { ...verdict, ...wrong } })).toThrow(
        refused('VERDICT_MISSING'),
      );
    }
    const failed = [{ check: 'tcp 80', instance: 1, passed: false }];
    expect(() => signImage(key, { ...rest, verdict: { ...verdict, checks: failed } })).toThrow(
      refused('VERDICT_MISSING'),
    );
  });
});

test('the bundle that cosign 3 makes of a signature is one', () => {
  const { manifest, bundle, publicKey, digest } = cosignBundle;
  const blobs = new Map([[sha256Of(Buffer.from(bundle)), Buffer.from(bundle)]]);
  const envelopes = bundledEnvelopes([
    { manifest: toJson(manifest(sha256Of(Buffer.from(bundle)), bundle.length)), blobs },
  ]);
  const reference = `${repository}:1.0`;
  const wanted = { key: readPublicKey(publicKey), digest, reference, allowUnnamed: true };
  expect(verifyImageStatement(wanted, envelopes)).toBeUndefined();
  expect(() => verifyImageStatement({ ...wanted, allowUnnamed: false }, envelopes)).toThrow(
    refused('SIGNATURE_UNNAMED'),
  );
  expect(() => verifyImageStatement({ ...wanted, key: key.public }, envelopes)).toThrow(
    refused('SIGNATURE_WRONG_KEY'),
  );
});

describe('a refusal', () => {
  test('of what is not there', () => {
    const nothing = { manifest: toJson({ schemaVersion: 2, layers: [] }), blobs: new Map<string, Buffer>() };
    expect(() => verifySignatures({ ...expected(), reference: references[0]! }, undefined)).toThrow(
      refused('SIGNATURE_MISSING'),
    );
    expect(() => verifySignatures({ ...expected(), reference: references[0]! }, nothing)).toThrow(
      refused('SIGNATURE_MISSING'),
    );
    for (const envelopes of [
      [],
      attachedEnvelopes(image.digest, undefined),
      attachedEnvelopes(image.digest, nothing),
    ]) {
      expect(() => verifyImageStatement(named(), envelopes)).toThrow(refused('SIGNATURE_MISSING'));
      expect(() => verifySboms(expected(), envelopes)).toThrow(refused('SIGNATURE_MISSING'));
      expect(() => verifyVerdict(expected(), envelopes)).toThrow(refused('VERDICT_MISSING'));
    }
  });

  test('of one bundle that is missing among the others', () => {
    const { bundles, ...rest } = publish();
    const without = (index: number) => ({ ...rest, bundles: bundles.filter((_, at) => at !== index) });
    expect([0, 1, 2, 3, 4].map((index) => judge(without(index)))).toEqual([
      'SIGNED_ELSEWHERE',
      'holds',
      'SIGNATURE_MISSING',
      'SIGNATURE_MISSING',
      'VERDICT_MISSING',
    ]);
  });

  test('of another key', () => {
    const published = publish(stranger);
    expect(() => signature(published)).toThrow(refused('SIGNATURE_WRONG_KEY'));
    for (const claim of Object.values(claims))
      expect(() => claim(published)).toThrow(refused('SIGNATURE_WRONG_KEY'));
  });

  test('of signatures that are those of another image', () => {
    const swapped = publish(key, other);
    expect(() => signature(swapped)).toThrow(refused('IMAGE_ALTERED'));
    for (const claim of Object.values(claims)) expect(() => claim(swapped)).toThrow(refused('IMAGE_ALTERED'));
  });

  test('of another tag or repository', () => {
    for (const reference of [
      `${repository}:2.0`,
      'registry.example.com/vendor/app',
      `${repository}/more:1.0`,
    ]) {
      expect(() => signature(publish(), reference)).toThrow(refused('SIGNED_ELSEWHERE'));
      const envelopes = bundledEnvelopes(publish().bundles);
      expect(() => verifyImageStatement(named(reference), envelopes)).toThrow(refused('SIGNED_ELSEWHERE'));
    }
  });
});

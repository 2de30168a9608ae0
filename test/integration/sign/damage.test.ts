/** Any byte that changes in a registry, and whatever else it gives: refused with a reason, never a crash. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { toJson, type Fetched } from '../../../src/stages/sign/artifact.ts';
import { mergeAttestations } from '../../../src/stages/sign/attestation.ts';
import { signImage } from '../../../src/stages/sign/sign-image.ts';
import { mergeSignatures } from '../../../src/stages/sign/simple-signing.ts';
import { image, input, judge, key, publish, references, type Published } from './published.ts';

/** Another digit in the place of one; what refers to the blob by digest either stays or is mended. */
function withBlob({ manifest, blobs }: Fetched, digest: string, bytes: Buffer, mend: boolean): Fetched {
  if (!mend) return { manifest, blobs: new Map([...blobs, [digest, bytes]]) };
  const now = sha256Of(bytes);
  const document = JSON.parse(manifest.toString()) as { layers: { digest: string; size: number }[] };
  for (const layer of document.layers) {
    if (layer.digest === digest) Object.assign(layer, { digest: now, size: bytes.length });
  }
  return { manifest: toJson(document), blobs: new Map([...blobs, [now, bytes]]) };
}

const layerOf = (fetched: Fetched, index = 0) =>
  (JSON.parse(fetched.manifest.toString()) as { layers: { digest: string }[] }).layers[index]!.digest;

function flip(bytes: Buffer, at: number, bits: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at % changed.length]! ^= bits;
  return changed;
}

const places = { at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }), mend: fc.boolean() };

describe('one byte', () => {
  // One reference: with two, the other tag's signature would be left to say that it is of another tag.
  const only = (): Published => {
    const one = signImage(key, { ...input(), references: [references[0]!] });
    return {
      sig: mergeSignatures(key.public, image.digest, one.signatures),
      att: mergeAttestations(key.public, image.digest, one.attestations),
      bundles: one.bundles,
    };
  };

  test.each(['sig', 'att', 'bundle 0', 'bundle 1', 'bundle 2', 'bundle 3'])(
    'of the payload of %s: altered',
    (place) => {
      const published = only();
      const index = Number(place.split(' ')[1] ?? 0);
      const at = place.startsWith('bundle') ? published.bundles[index]! : published[place as 'sig' | 'att'];
      const digest = layerOf(at);
      fc.assert(
        fc.property(fc.record(places), ({ at: offset, bits, mend }) => {
          const changed = withBlob(at, digest, flip(at.blobs.get(digest)!, offset, bits), mend);
          const bundles = published.bundles.with(
            index,
            place.startsWith('bundle') ? changed : published.bundles[index]!,
          );
          const damaged = {
            ...published,
            bundles,
            ...(place.startsWith('bundle') ? {} : { [place]: changed }),
          };
          // With its digest mended, a byte of what nobody signs (a name, a hint) may leave the signature as good.
          const judged = judge(damaged);
          if (!mend) expect(judged).toBe('IMAGE_ALTERED');
          else expect(['IMAGE_ALTERED', 'SIGNATURE_WRONG_KEY', 'holds']).toContain(judged);
          if (place === 'sig') expect(judged).toBe('IMAGE_ALTERED');
        }),
        { numRuns: 150 },
      );
    },
  );

  test('of the signature itself: altered', () => {
    const published = only();
    const document = JSON.parse(published.sig.manifest.toString()) as {
      layers: { annotations: Record<string, string> }[];
    };
    const annotation = 'dev.cosignproject.cosign/signature';
    const good = Buffer.from(document.layers[0]!.annotations[annotation]!, 'base64');
    for (let at = 0; at < good.length; at++) {
      document.layers[0]!.annotations[annotation] = flip(good, at, 1 << (at % 8)).toString('base64');
      const sig = { ...published.sig, manifest: toJson(document) };
      expect(judge({ ...published, sig })).toBe('IMAGE_ALTERED');
    }
  });

  test('of a manifest: refused, or of no meaning to the signature', () => {
    const published = only();
    fc.assert(
      fc.property(
        fc.constantFrom('sig' as const, 'att' as const),
        fc.record(places),
        (place, { at, bits }) => {
          const { manifest, blobs } = published[place];
          const judged = judge({ ...published, [place]: { manifest: flip(manifest, at, bits), blobs } });
          expect([
            'holds',
            'IMAGE_ALTERED',
            'SIGNATURE_MISSING',
            'SIGNATURE_WRONG_KEY',
            'VERDICT_MISSING',
          ]).toContain(judged);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('whatever a registry gives', () => {
  const codes = [
    'IMAGE_ALTERED',
    'SIGNATURE_MISSING',
    'SIGNATURE_WRONG_KEY',
    'VERDICT_MISSING',
    'SIGNED_ELSEWHERE',
  ];
  const anything = fc.oneof(
    fc.json({ maxDepth: 5 }).map((text) => Buffer.from(text)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.from('['.repeat(200_000))),
    fc.constant(Buffer.from('{"layers":'.repeat(50_000))),
    fc.constant(Buffer.from('null')),
  );

  test('as a manifest, is refused with a reason', () => {
    const published = publish();
    fc.assert(
      fc.property(anything, (manifest) => {
        const fetched = { manifest, blobs: new Map<string, Buffer>() };
        for (const change of [{ sig: fetched }, { att: fetched }, { bundles: [fetched] }]) {
          expect(codes).toContain(judge({ ...published, ...change }));
        }
        for (const merge of [mergeSignatures, mergeAttestations]) {
          try {
            merge(key.public, image.digest, [], fetched);
          } catch (error) {
            expect((error as MillinerError).code).toBe('IMAGE_ALTERED');
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test('as a payload, an envelope or a bundle, is refused with a reason', () => {
    const published = publish();
    fc.assert(
      fc.property(anything, (bytes) => {
        const sig = withBlob(
          withBlob(published.sig, layerOf(published.sig), bytes, true),
          layerOf(published.sig, 1),
          bytes,
          true,
        );
        expect(codes).toContain(judge({ ...published, sig }));
        const att = withBlob(
          withBlob(published.att, layerOf(published.att), bytes, true),
          layerOf(published.att, 1),
          bytes,
          true,
        );
        expect(codes).toContain(judge({ ...published, att }));
        const bundles = published.bundles.map((one) => withBlob(one, layerOf(one), bytes, true));
        expect(codes).toContain(judge({ ...published, bundles }));
      }),
      { numRuns: 100 },
    );
  });

  test('in the shape of a bundle or an envelope, but of other types', () => {
    const published = publish();
    const [bundle] = published.bundles;
    const good = JSON.parse(bundle!.blobs.get(layerOf(bundle!))!.toString()) as Record<string, unknown>;
    const envelope = JSON.parse(published.att.blobs.get(layerOf(published.att))!.toString()) as Record<
      string,
      unknown
    >;
    const wrong = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(undefined, '__proto__', [], {}, null, -1, 'x'.repeat(100_000)),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...paths(good)),
        fc.constantFrom(...paths(envelope)),
        wrong,
        (one, two, value) => {
          const blob = toJson(replaced(good, one, value));
          const bundles = published.bundles.with(0, withBlob(bundle!, layerOf(bundle!), blob, true));
          expect(['holds', ...codes]).toContain(judge({ ...published, bundles }));
          const att = withBlob(
            published.att,
            layerOf(published.att),
            toJson(replaced(envelope, two, value)),
            true,
          );
          expect(['holds', ...codes]).toContain(judge({ ...published, att }));
        },
      ),
      { numRuns: 400 },
    );
  });
});

function paths(value: unknown, at: string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [at];
  return [at, ...Object.entries(value).flatMap(([name, inner]) => paths(inner, [...at, name]))].filter(
    (path) => path.length > 0,
  );
}

function replaced(document: Record<string, unknown>, path: string[], value: unknown): unknown {
  const copy = structuredClone(document);
  let at = copy;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[path.at(-1)!] = value;
  return copy;
}

/** A byte that changes on the disk of a registry: where it may lie, and who sees it. */
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { refusedAs, type Checked, type Hanging, type Pulled, type Stalled } from './stall.ts';

export interface Damage {
  what: string;
  /** Blobs and manifests of which a byte changes. */
  at: (hanging: Hanging, image: Stalled) => Digest[];
  change: (bytes: Buffer) => Buffer;
  /** Who refuses it then; the others take it. */
  refused: Partial<Checked & Pulled>;
}

const text = (change: (content: string) => string) => (bytes: Buffer) =>
  Buffer.from(change(bytes.toString()));

const flip = (bytes: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  changed[changed.length >> 1]! ^= 1;
  return changed;
};

/** Another letter of base64 in each signature. */
const resigned = text((manifest) =>
  manifest.replaceAll(/(?<="dev\.cosignproject\.cosign\/signature":"[^"]{20})[^"]/g, (letter) =>
    letter === 'A' ? 'B' : 'A',
  ),
);

/** The first size is another: the configuration's. */
const resized = text((manifest) =>
  manifest.replace(/(?<="size":\d*)\d(?=[,}])/, (digit) => String((Number(digit) + 1) % 10)),
);

export const damages: Damage[] = [
  {
    what: 'the payload',
    at: ({ payloads }) => payloads,
    change: flip,
    refused: { cosign: false, sig: 15, skopeo: false, podman: false },
  },
  {
    what: 'the signature',
    at: ({ sig }) => [sig],
    change: resigned,
    refused: { cosign: false, sig: 15, skopeo: false, podman: false },
  },
  {
    what: 'the manifest',
    at: (_hanging, { manifestDigest }) => [manifestDigest as Digest],
    change: resized,
    refused: refusedAs(15),
  },
  {
    // Nobody who looks at signatures only reads it.
    what: 'a layer',
    at: (_hanging, { layers }) => [layers.at(-1)!.digest as Digest],
    change: flip,
    refused: { skopeo: false, podman: false },
  },
  {
    what: 'the SPDX bill of materials',
    at: ({ attestations }) => [attestations[0]!],
    change: flip,
    refused: { sbom: false, sig: 15 },
  },
  {
    what: 'the CycloneDX bill of materials',
    at: ({ attestations }) => [attestations[1]!],
    change: flip,
    refused: { cyclonedx: false, sig: 15 },
  },
  {
    what: 'the verdict',
    at: ({ attestations }) => [attestations[2]!],
    change: flip,
    refused: { verdict: false, sig: 15 },
  },
  {
    what: 'the bundled signature',
    // Of each tag one, in both layouts, before what is claimed of the image.
    at: ({ bundles, payloads }) => bundles.slice(0, payloads.length),
    change: flip,
    refused: { signatureBundle: false, bundle: 15 },
  },
  {
    what: 'the bundled SPDX bill of materials',
    at: ({ bundles, payloads }) => [bundles[payloads.length]!],
    change: flip,
    refused: { sbomBundle: false, bundle: 15 },
  },
  {
    what: 'the bundled CycloneDX bill of materials',
    at: ({ bundles, payloads }) => [bundles[payloads.length + 1]!],
    change: flip,
    refused: { cyclonedxBundle: false, bundle: 15 },
  },
  {
    what: 'the bundled verdict',
    at: ({ bundles, payloads }) => [bundles[payloads.length + 2]!],
    change: flip,
    refused: { verdictBundle: false, bundle: 15 },
  },
];

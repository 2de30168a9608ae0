/** What `cosign sign` 3.0.2 left in a registry, with a key and without a transparency log. */

const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';

export const cosignBundle = {
  digest: 'sha256:84d293a5bb0b86742249394f19aff3515c1dfa5eb4ac90362908668069bf534a',
  publicKey: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwDqkd+U1YIHg2bNzmX2pkjZ+5vO5
Q3X/FhHx2BR9p1PdeSYy+wvMC/OxEp3Iu7yQkD2bhHbThvzgikdTAf3H7w==
-----END PUBLIC KEY-----
`,
  manifest: (digest: string, size: number) => ({
    schemaVersion: 2,
    artifactType: type,
    layers: [{ mediaType: type, digest, size }],
    annotations: { 'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1' },
  }),
  bundle: JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'ylS/+Y7VBVGIZDesEd9hsLmyBzFvJQtcK6WC4vU6NQk=' } },
    dsseEnvelope: {
      payload:
        'eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCAic3ViamVjdCI6W3siZGlnZXN0Ijp7InNoYTI1NiI6Ijg0ZDI5M2E1YmIwYjg2NzQyMjQ5Mzk0ZjE5YWZmMzUxNWMxZGZhNWViNGFjOTAzNjI5MDg2NjgwNjliZjUzNGEifX1dLCAicHJlZGljYXRlVHlwZSI6Imh0dHBzOi8vc2lnc3RvcmUuZGV2L2Nvc2lnbi9zaWduL3YxIn0=',
      payloadType: 'application/vnd.in-toto+json',
      signatures: [
        {
          sig: 'MEUCIHnxVEL/Y0mNEuOez2G8YO09kXYVOcyi9g6e3fnFTlB4AiEA7bvKr7i/QzGfqQQjP32LdgtLtgOlWhOZ2LJ5vsm+9wI=',
        },
      ],
    },
  }),
} as const;

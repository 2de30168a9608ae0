/** Bills of materials of an image without packages or files, in both forms. */
import { cyclonedxDocument } from '../../src/stages/sign/cyclonedx.ts';
import { sbomFacts } from '../../src/stages/sign/sbom.ts';
import { spdxDocument } from '../../src/stages/sign/spdx.ts';

export function emptySboms(name: string, manifestDigest: string, epoch: number) {
  const facts = sbomFacts({
    name,
    manifestDigest,
    epoch,
    packages: [],
    checksums: new Map(),
    files: [],
    tool: { name: 'milliner', version: '0' },
  });
  return { spdx: spdxDocument(facts), cyclonedx: cyclonedxDocument(facts) };
}

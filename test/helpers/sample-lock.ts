/** A lock of one package. */
import { sealLock } from '../../src/stages/lock/lock-file.ts';

const bash = {
  nevra: 'bash-5.2-1.x86_64',
  name: 'bash',
  epoch: 0,
  version: '5.2',
  release: '1',
  arch: 'x86_64',
  repo: 'r',
  url: 'https://example.org/bash.rpm',
  size: 10,
  sha256: 'a'.repeat(64),
  sourceRpm: 'bash-5.2-1.src.rpm',
};
export const sampleLock = sealLock({
  version: 2,
  recipe: 'a',
  inputs: `sha256:${'b'.repeat(64)}`,
  epoch: 1,
  reproducibleElsewhere: true,
  versions: { format: 1, node: '24', zstd: '1', zlib: '1', sqlite: '3', libsolv: '0.7' },
  arches: {
    x86_64: {
      packages: [bash],
      base: [],
      removed: [],
      layers: { below: 0, plan: [['bash']] },
      tools: [bash],
    },
  },
});

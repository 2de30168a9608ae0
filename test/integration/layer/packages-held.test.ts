/** A layer of a package holds what rpm2cpio and Python's tarfile find in both: for the offline repository's packages. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache, checkout } from '../../../spec/places.ts';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import { readPackage } from '../../../src/lib/rpm/package.ts';
import { SegmentBytes } from '../../../src/stages/layer/write/segment-bytes.ts';
import { writeLayer } from '../../../src/stages/layer/write/write-layer.ts';
import { shareOfDay } from '../../helpers/soak.ts';

const packages = join(cache, 'repository/packages');
const all = readdirSync(packages).filter((name) => name.endsWith('.rpm'));

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'milliner-held-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Of files and symbolic links, each at its own path. */
async function layerOf(name: string): Promise<string> {
  const read = await readPackage(join(packages, name));
  const places = read.files.flatMap(({ path, mode, flags }, index) => {
    const isHeld = [fileType.regular, fileType.link].includes((mode & fileType.mask) as never);
    return isHeld && !flags.ghost ? [[index, path, 0, 0] as const] : [];
  });
  const files = { layer: join(scratch, `${name}.tar.zst`), listing: join(scratch, `${name}.json`) };
  const segments = new SegmentBytes().package({ package: read, places }).bytes();
  await writeLayer(segments, files, { kind: 'zstd', level: 1 });
  return files.layer;
}

test('each package', async () => {
  const script = join(checkout, 'test/helpers/payload-reader/second-reader.py');
  const reader = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
  const chosen = shareOfDay(all, 8);
  expect(chosen.length).toBeGreaterThan(10);
  for (const name of chosen) {
    const layer = await layerOf(name);
    reader.stdin.write(`${join(packages, name)}\t${layer}\n`);
    const { value } = (await answers.next()) as { value: string };
    const held = JSON.parse(value) as Record<'package' | 'layer', Record<string, string>>;
    expect(held.layer, name).toEqual(held.package);
    await rm(layer);
  }
  reader.stdin.end();
});

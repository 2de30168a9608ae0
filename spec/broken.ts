/** One tiny repository for each way in which a package can be bad; the directory's name is the case's. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoEpoch } from './demo.ts';
import { createRepodata } from './repodata.ts';
import { rpmbuild } from './rpmbuild.ts';
import { signAsVersion6 } from './signature-v6.ts';
import { closeKey, createKey, signPackages, type SigningKey } from './signing.ts';

const directory = join(import.meta.dirname, 'demo', 'broken');

/** What is done to a sound package, after it was built and before the metadata is made. */
type Damage = (path: string, key: SigningKey) => Promise<void>;

const damages: Record<string, Damage> = {
  unsigned: async () => {},
  'wrong-key': signWithAnother,
  'bit-flipped': async (path, key) => {
    await signPackages(key, [path]);
    const bytes = await readFile(path);
    const middle = payloadMiddle(bytes);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    await writeFile(path, bytes);
  },
  truncated: async (path, key) => {
    await signPackages(key, [path]);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, payloadMiddle(bytes)));
  },
  'v6-signed': async (path, key) => {
    await signPackages(key, [path]);
    await writeFile(path, signAsVersion6(await readFile(path)));
  },
};

export async function buildBroken(output: string, key: SigningKey): Promise<void> {
  for (const [name, damage] of Object.entries(damages)) await buildCase(output, name, 'plain', damage, key);
  const specs = (await readdir(directory)).map((name) => name.replace(/\.spec$/, ''));
  for (const name of specs.filter((found) => found !== 'plain').toSorted()) {
    await buildCase(output, name, name, (path) => signPackages(key, [path]), key);
  }
}

async function buildCase(output: string, name: string, spec: string, damage: Damage, key: SigningKey) {
  const place = join(output, name);
  const build = { spec: join(directory, `${spec}.spec`), sources: directory, epoch: demoEpoch };
  for (const file of await rpmbuild({ ...build, defines: { case: name } }, place)) {
    await damage(join(place, file), key);
  }
  await createRepodata(place);
}

async function signWithAnother(path: string): Promise<void> {
  const stranger = await createKey('Stranger <stranger@milliner.invalid>');
  try {
    await signPackages(stranger, [path]);
  } finally {
    await closeKey(stranger);
  }
}

/** The payload is last and larger than both headers together. */
function payloadMiddle(bytes: Buffer): number {
  return Math.floor(bytes.length * 0.75);
}

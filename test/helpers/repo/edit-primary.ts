/** repomd metadata for the tests' repositories, right and wrong. */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createRepodata } from '../../../spec/repodata.ts';

export const createRepository = createRepodata;

/** Changes primary.xml and makes repomd.xml vouch for the changed one. */
export async function editPrimary(directory: string, edit: (text: string) => string): Promise<void> {
  const repodata = join(directory, 'repodata');
  const name = (await readdir(repodata)).find((file) => file.includes('-primary.xml'));
  if (!name) throw new Error(`${repodata} has no primary`);
  const before = gunzipSync(await readFile(join(repodata, name))).toString('utf8');
  const after = edit(before);
  if (after === before) throw new Error('the edit changed nothing');
  await rm(join(repodata, name));
  await writeFile(join(repodata, 'primary.xml'), after);
  const sha256 = createHash('sha256').update(after).digest('hex');
  const repomd = join(repodata, 'repomd.xml');
  const entry = `<data type="primary"><checksum type="sha256">${sha256}</checksum><location href="repodata/primary.xml"/></data>`;
  const text = await readFile(repomd, 'utf8');
  await writeFile(repomd, text.replace(/<data type="primary">.*?<\/data>/s, entry));
}

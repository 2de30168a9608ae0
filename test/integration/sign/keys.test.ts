/** docs/keys.md is so: each of its rows is a key of others, and what we, cosign and skopeo say of what it signed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { verifyReference } from '../../../src/pipeline/trust/verify-image.ts';
import { checkout } from '../../../spec/places.ts';
import { keyKinds as all, makeKey, type KeyKind, type Maker } from './key-kinds.ts';
import { Lookaside } from '../../helpers/registry/lookaside.ts';
import { Shelf } from '../../helpers/signed-images.ts';
import { shareOfDay } from '../../helpers/soak.ts';

const path = join(checkout, 'docs', 'keys.md');
const columns = ['milliner', 'cosign', 'skopeo', 'another key', 'another kind', 'cut short'] as const;
type Row = Record<(typeof columns)[number], string>;

/** Half of them, of both formats. */
const keyKinds = shareOfDay(all, 2);

let shelf: Shelf;
let lookaside: Lookaside;
let reference: string;
const makers: Maker[] = [];
const idOf = (kind: KeyKind) => `kind-${keyKinds.indexOf(kind)}`;

beforeAll(async () => {
  shelf = await Shelf.open();
  lookaside = await Lookaside.start();
  await shelf.image('app', ['1.0']);
  reference = shelf.reference('1.0');
  vi.stubEnv('HOME', await lookaside.home(shelf.server.host));
  // All of them sign the one image: each has to be found among the others.
  for (const kind of keyKinds) {
    const maker = await makeKey(shelf, lookaside, kind, idOf(kind));
    makers.push(maker);
    await maker.sign(reference);
    makers.push(await makeKey(shelf, lookaside, kind, `${idOf(kind)}-other`));
    const half = await readFile(shelf.path(`${idOf(kind)}.pub`), 'utf8');
    await writeFile(shelf.path(`${idOf(kind)}-cut.pub`), half);
    for (const id of [idOf(kind), `${idOf(kind)}-other`, `${idOf(kind)}-cut`]) {
      await shelf.policy(id, kind.format === 'openpgp' ? lookaside.url : undefined);
    }
    // After its policy, which would refuse it.
    await writeFile(shelf.path(`${idOf(kind)}-cut.pub`), half.slice(0, half.length / 2));
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  for (const maker of makers) await maker.close();
  await lookaside.close();
  await shelf.close();
});

async function judge(id: string): Promise<string> {
  const options = { reference, key: shelf.path(`${id}.pub`), plainHttp: false, signatureOnly: true };
  return verifyReference(options, { progress: silent }).then(
    ({ proved }) => proved.map(({ layout }) => layout).join(', '),
    (error: unknown) => {
      if (error instanceof MillinerError) return error.code;
      throw error;
    },
  );
}

const word = (accepted: boolean) => (accepted ? 'yes' : 'no');
const rowOf = (name: string, row: Row) => `| ${name} | ${columns.map((column) => row[column]).join(' | ')} |`;
/** Without what prettier aligns columns by. */
const squeezed = (line: string) => line.replaceAll(/ +\|/g, ' |');

test.each(keyKinds.map((kind) => [kind.name, kind] as const))('%s', async (name, kind) => {
  const id = idOf(kind);
  const other = keyKinds.find((one) => one !== kind && one.format === kind.format)!;
  const row: Row = {
    milliner: await judge(id),
    cosign: word(
      (await shelf.accepted.cosign(reference, id)) &&
        (await shelf.accepted.bundle(reference, 'https://sigstore.dev/cosign/sign/v1', id)),
    ),
    skopeo: word(await shelf.accepted.skopeo(reference, id)),
    'another key': await judge(`${id}-other`),
    'another kind': await judge(`${idOf(other)}-other`),
    'cut short': await judge(`${id}-cut`),
  };
  // gpg, and with it skopeo, takes what is left of a keyring; we do not.
  for (const bad of kind.format === 'pem' ? [`${id}-other`, `${id}-cut`] : [`${id}-other`]) {
    expect(await shelf.accepted.cosign(reference, bad)).toBe(false);
    expect(await shelf.accepted.skopeo(reference, bad)).toBe(false);
  }
  const lines = (await readFile(path, 'utf8')).split('\n').map(squeezed);
  expect(lines.filter((line) => line.startsWith(`| ${name} |`))).toEqual([rowOf(name, row)]);
});

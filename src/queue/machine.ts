/**
 * A machine of the queue is a state directory. It has a key (Ed25519) that signs its claims, and a list of the machines
 * whose claims it accepts. Write access to the queue's Redis enrolls no machine: only the operator of the state
 * directory does.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  type KeyObject,
} from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { readTextIfThere, syncPath } from '../lib/host/files.ts';
import { withLock } from '../lib/host/locks.ts';
import { JsonStore } from '../pipeline/state/json-store.ts';

/** The claims that are accepted from a machine: requests for releases; locks, builds and boots; signatures and tags. */
export const rights = ['submit', 'build', 'sign'] as const;
export type Right = (typeof rights)[number];

const machineSchema = z.strictObject({
  /** First 32 hexadecimal digits of the SHA-256 of the public key. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** Shown to people. */
  name: z.string().regex(/^[\w.-]{1,64}$/),
  /** SubjectPublicKeyInfo (RFC 5280), DER, base64. */
  publicKey: z.string().max(200),
  rights: z.array(z.enum(rights)).min(1),
  /** ISO 8601. */
  enrolled: z.string(),
});
export type Machine = z.infer<typeof machineSchema>;

export interface OwnMachine {
  machine: Machine;
  privateKey: KeyObject;
}

const folderOf = (state: string) => join(state, 'machine');
const keyPathOf = (state: string) => join(folderOf(state), 'machine.key');
const listFile = 'enrolled';
// A list in an unknown version is an error. Taken for an empty one, it would be overwritten.
const listIn = (state: string) =>
  new JsonStore(folderOf(state), {
    what: 'a list of machines',
    schema: z.strictObject({ version: z.literal(1), machines: z.array(machineSchema) }),
  });

/** The machine of this state, whose key is made on first use. Throws STATE_INVALID. */
export async function ownMachine(state: string): Promise<OwnMachine> {
  const path = keyPathOf(state);
  const pem = (await readTextIfThere(path)) ?? (await makeKey(path));
  try {
    const privateKey = createPrivateKey(pem);
    const publicKey = encodePublic(createPublicKey(privateKey));
    const name =
      hostname()
        .replaceAll(/[^\w.-]/g, '-')
        .slice(0, 64) || 'localhost';
    return {
      machine: { id: machineId(publicKey), name, publicKey, rights: [...rights], enrolled: '' },
      privateKey,
    };
  } catch (cause) {
    throw new MillinerError('STATE_INVALID', `${path} is not the key of a machine`, { cause });
  }
}

/** The machines whose claims this state accepts, without itself. Throws STATE_INVALID. */
export async function enrolledMachines(state: string): Promise<Machine[]> {
  return (await listIn(state).read(listFile))?.machines ?? [];
}

/** Replaces an earlier entry of the same key. */
export async function enrollMachine(
  state: string,
  key: Pick<Machine, 'publicKey' | 'name'>,
  granted: readonly Right[],
): Promise<Machine> {
  const machine = machineSchema.parse({
    id: machineId(key.publicKey),
    ...key,
    rights: rights.filter((right) => granted.includes(right)),
    enrolled: new Date().toISOString(),
  });
  await changeList(state, (list) => [...list.filter(({ id }) => id !== machine.id), machine]);
  return machine;
}

/** Removes machines by id or name, and returns those removed. Throws MACHINE_UNKNOWN. */
export async function dismissMachine(state: string, which: string): Promise<Machine[]> {
  const isMeant = ({ id, name }: Machine) => id === which || name === which;
  let dismissed: Machine[] = [];
  await changeList(state, (list) => {
    dismissed = list.filter(isMeant);
    if (dismissed.length === 0) {
      throw new MillinerError('MACHINE_UNKNOWN', `no machine ${which} is enrolled in ${state}`, {
        hint: 'List the enrolled machines with milliner machine list.',
      });
    }
    return list.filter((one) => !isMeant(one));
  });
  return dismissed;
}

async function changeList(state: string, change: (list: Machine[]) => Machine[]): Promise<void> {
  await mkdir(join(state, 'locks'), { recursive: true });
  await withLock(
    join(state, 'locks', 'machines'),
    'exclusive',
    async () => {
      const machines = change(await enrolledMachines(state));
      await listIn(state).write(listFile, { version: 1, machines });
    },
    { wait: true },
  );
}

const tokenScheme = 'milliner-machine';

/** The text SCHEME:NAME:KEY that an operator copies from one machine to another. */
export function showToken({ name, publicKey }: Pick<Machine, 'name' | 'publicKey'>): string {
  return `${tokenScheme}:${name}:${publicKey}`;
}

/** Throws USAGE. */
export function parseToken(text: string): Pick<Machine, 'name' | 'publicKey'> {
  const [scheme, name = '', publicKey = '', ...more] = text.trim().split(':');
  if (scheme === tokenScheme && more.length === 0 && /^[\w.-]{1,64}$/.test(name)) {
    const key = readPublic(publicKey);
    if (key) return { name, publicKey: encodePublic(key) };
  }
  throw new MillinerError('USAGE', 'the argument is not the token of a machine', {
    hint: 'Run milliner machine show on that machine, and give what it prints.',
  });
}

/** Undefined if it is not an Ed25519 key. */
export function readPublic(base64: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

function encodePublic(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

function machineId(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, 32);
}

/** Writes the key atomically. Two processes may do so at once: the second then uses the key of the first. */
async function makeKey(path: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('ed25519');
  const temporary = `${path}.${randomUUID()}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await handle.sync();
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
  }
  await syncPath(join(path, '..'));
  return readFile(path, 'utf8');
}

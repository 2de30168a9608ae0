/** The user of an image's program: `User` of the OCI image configuration, looked up in the image's own files. */
import { readInside } from '../../lib/host/resolve-in-root.ts';

export interface ProcessUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  home: string;
}

/** `user`, `uid`, `user:group`, `uid:gid` in any combination; undefined if the image has no such user or group. */
export async function findUser(rootfs: string, user = ''): Promise<ProcessUser | undefined> {
  const [name = '', group] = user.split(':');
  const users = await rowsOf(rootfs, 'etc/passwd');
  const groups = await rowsOf(rootfs, 'etc/group');
  const row = users.find((one) => one[0] === (name || 'root')) ?? users.find((one) => one[2] === name);
  const uid = idOf(row?.[2]) ?? (name === '' ? 0 : idOf(name));
  if (uid === undefined) return undefined;
  const login = row?.[0];
  const home = row?.[5] || '/';
  if (group !== undefined && group !== '') {
    const gid = idOf(groups.find((one) => one[0] === group)?.[2]) ?? idOf(group);
    return gid === undefined ? undefined : { uid, gid, additionalGids: [], home };
  }
  const members = login === undefined ? [] : groups.filter((one) => one[3]?.split(',').includes(login));
  const additionalGids = members.flatMap((one) => idOf(one[2]) ?? []);
  return { uid, gid: idOf(row?.[3]) ?? 0, additionalGids, home };
}

async function rowsOf(rootfs: string, path: string): Promise<string[][]> {
  const text = (await readInside(rootfs, path))?.toString('utf8') ?? '';
  return text.split('\n').map((line) => line.split(':'));
}

/** (uid_t)-1 is no user to the kernel. */
function idOf(text: string | undefined): number | undefined {
  const id = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  return id !== undefined && id < 0xffff_ffff ? id : undefined;
}

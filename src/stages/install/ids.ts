/**
 * Keeps the IDs of users and groups stable. Scriptlets take the next free ID, so another package or another order would
 * change the IDs of others. The IDs that an installation made are compared with the ledger afterwards. They cannot be
 * given to every useradd, adduser and systemd-sysusers before. Nor can entries be made in advance, because these tools
 * would take them for the host's own and keep their home and shell. An ID that a tool chose freely is changed to the
 * ledger's. An ID that a package requires cannot be changed, so the build is refused.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Ids } from '../lock/id-ledger.ts';
import type { Accounts } from './accounts.ts';

/** From old to new ID. */
export type Moves = ReadonlyMap<number, number>;

export interface SettledIds {
  moves: { users: Moves; groups: Moves };
  /** After the moves, without the base's. */
  ids: Ids;
  /** Descriptions of the moves. */
  kept: string[];
}

/** IDs below are assigned by distributions; systemd-sysusers and useradd --system choose downwards from the last. */
const firstChosen = 100;
const lastSystem = 999;

/** `before`: the accounts of the base. Throws ID_DRIFT. */
export function settleIds(ledger: Ids, before: Accounts, now: Accounts): SettledIds {
  const users = settle('user', ledger.users, before.users, now.users);
  const groups = settle('group', ledger.groups, before.groups, now.groups);
  return {
    moves: { users: users.moves, groups: groups.moves },
    ids: { version: 1, users: users.ids, groups: groups.ids },
    kept: [...users.kept, ...groups.kept],
  };
}

type Kind = 'user' | 'group';
type ByName = ReadonlyMap<string, number>;

function settle(kind: Kind, recorded: Record<string, number>, before: ByName, now: ByName) {
  const ledger = new Map(Object.entries(recorded));
  checkBase(kind, ledger, before, now);
  const own = [...now].filter(([name]) => !before.has(name)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const staying = [...now].filter(([name, id]) => (ledger.get(name) ?? id) === id).map(([, id]) => id);
  const usedIds = new Set([...before.values(), ...ledger.values(), ...staying]);
  const moves = new Map<number, number>();
  const kept: string[] = [];
  const ids: [string, number][] = [];
  for (const [name, id] of own) {
    const wanted = ledger.get(name) ?? idForNew({ kind, name, id }, ledger, now, usedIds);
    ids.push([name, wanted]);
    if (wanted === id) continue;
    checkMove(kind, name, id, wanted, now);
    moves.set(id, wanted);
    kept.push(`${kind} ${name} has ${wanted}, as in the ledger, instead of ${id}`);
  }
  return { moves, kept, ids: Object.fromEntries(ids) };
}

/** Names of the base cannot be moved: it was built with a ledger of its own. */
function checkBase(kind: Kind, ledger: ByName, before: ByName, now: ByName): void {
  const names = new Map([...before].map(([name, id]) => [id, name]));
  for (const [name, id] of before) {
    const changed = now.get(name);
    if (changed !== undefined && changed !== id)
      throw drift(kind, name, id, changed, `a scriptlet has changed the base's`);
    const wanted = ledger.get(name);
    if (wanted !== undefined && wanted !== id)
      throw drift(kind, name, wanted, id, 'it comes with the base now');
  }
  for (const [name, id] of ledger) {
    const other = names.get(id);
    // A second name for an ID of the base may be intended; then the packages request it again.
    if (other === undefined || before.has(name) || now.get(name) === id) continue;
    throw drift(kind, name, id, now.get(name), `the base has given that to ${other}`);
  }
}

interface RequestedId {
  kind: Kind;
  name: string;
  id: number;
}

/** A new name keeps its ID, unless the ledger gives that ID to another name which does not share it. */
function idForNew(
  { kind, name, id }: RequestedId,
  ledger: ByName,
  now: ByName,
  usedIds: Set<number>,
): number {
  const owners = [...ledger].filter(([, used]) => used === id).map(([owner]) => owner);
  if (owners.length === 0 || owners.some((owner) => now.get(owner) === id)) return id;
  const free = id < firstChosen ? undefined : freeId(id, usedIds);
  if (free === undefined) throw drift(kind, owners[0]!, id, undefined, `a package wants that for ${name}`);
  usedIds.add(free);
  return free;
}

function freeId(near: number, usedIds: ReadonlySet<number>): number | undefined {
  const isSystem = near <= lastSystem;
  const step = isSystem ? -1 : 1;
  let id = isSystem ? lastSystem : lastSystem + 1;
  while (usedIds.has(id)) id += step;
  return id < firstChosen ? undefined : id;
}

function checkMove(kind: Kind, name: string, id: number, wanted: number, now: ByName): void {
  if (id < firstChosen) throw drift(kind, name, wanted, id, 'its package insists on another');
  const sharing = [...now].find(([other, used]) => used === id && other !== name)?.[0];
  if (sharing !== undefined) throw drift(kind, name, wanted, id, `it shares that with ${sharing}`);
}

function drift(
  kind: Kind,
  name: string,
  ledger: number,
  found: number | undefined,
  reason: string,
): MillinerError {
  const words = `${kind} ${name} has ${ledger} in the ledger${found === undefined ? '' : ` and ${found} now`}: ${reason}`;
  return new MillinerError('ID_DRIFT', words, { details: { kind, name, ledger, found: found ?? null } });
}

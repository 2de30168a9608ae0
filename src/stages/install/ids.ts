/**
 * Users and groups keep their ids. Scriptlets take the next free one, so that a package more, or another order, would
 * move those of others. What rpm has made is held against the ledger afterwards: there is no way to tell every useradd,
 * adduser and systemd-sysusers beforehand, and an entry that stands there already would be taken for the host's own and
 * keep its home and shell. An id that was free to choose is exchanged for the ledger's; one that a package insists on is
 * not ours to change, and the build is refused.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Ids } from '../lock/id-ledger.ts';
import type { Accounts } from './accounts.ts';

/** Old id to new. */
export type Moves = ReadonlyMap<number, number>;

export interface SettledIds {
  moves: { users: Moves; groups: Moves };
  /** As they are after the moves, without the base's. */
  ids: Ids;
  /** What was moved, in words. */
  kept: string[];
}

/** Below are those that distributions assign; systemd-sysusers and useradd --system choose downwards from the last. */
const firstChosen = 100;
const lastSystem = 999;

/** `before`: what the base has. Throws ID_DRIFT. */
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

/** The base's names are settled: it was built with a ledger of its own. */
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
    // A second name for an id of the base may be meant; then the packages ask for it again.
    if (other === undefined || before.has(name) || now.get(name) === id) continue;
    throw drift(kind, name, id, now.get(name), `the base has given that to ${other}`);
  }
}

interface RequestedId {
  kind: Kind;
  name: string;
  id: number;
}

/** A new name keeps what it was given, unless the ledger has that for another, who has not shared it. */
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

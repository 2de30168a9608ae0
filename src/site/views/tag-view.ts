/** Tags, each with its moves. */
import type { SiteMove, SiteTag } from '../facts/site-facts.ts';
import { counted, shortDigest, showTime } from './amounts-shown.ts';
import { pageOf, type Owners, type Status } from './image-row.ts';
import { frameOf } from './page-frame.ts';

/** Moves of a tag on the page of its image, and in the list of all tags. */
const maxMoves = 30;
const maxListedMoves = 6;

export interface TagRow {
  reference: string;
  digest: string;
  images: { name: string; href: string }[];
  status: Status;
  note: string;
  moved: string;
  moveCount: string;
  moves: { time: string; reason: string; from: string; to: string; note: string; by: string }[];
  more: number;
}

export function tagRow(tag: SiteTag, owners: Owners, root: string, max = maxMoves): TagRow {
  const { reference, digest, moves } = tag;
  return {
    reference,
    digest: digest === undefined ? '' : shortDigest(digest),
    images: tag.images.flatMap((id) => {
      const image = owners.byId.get(id);
      return image ? [{ name: image.name, href: `${root}${pageOf(id)}` }] : [];
    }),
    ...stateOf(tag),
    moved: moves[0] ? showTime(moves[0].time) : '',
    moveCount: counted(moves.length, 'move'),
    moves: moves.slice(0, max).map(moveRow),
    more: Math.max(0, moves.length - max),
  };
}

function stateOf({ problem, hold, source }: SiteTag): Pick<TagRow, 'status' | 'note'> {
  if (problem) return { status: { kind: 'bad', text: problem.code }, note: problem.message };
  if (hold) {
    const until = hold.until === undefined ? 'held' : `held until ${showTime(hold.until)}`;
    return { status: { kind: 'warn', text: until }, note: hold.reason };
  }
  return source === 'registry'
    ? { status: { kind: 'ok', text: 'verified' }, note: '' }
    : { status: { kind: 'none', text: 'as remembered' }, note: '' };
}

function moveRow({ time, reason, from, to, note = '', by = '' }: SiteMove): TagRow['moves'][number] {
  return {
    time: showTime(time),
    reason,
    from: from === undefined ? '' : shortDigest(from),
    to: shortDigest(to),
    note,
    by,
  };
}

export function tagsView(tags: readonly SiteTag[], owners: Owners, isRegistryRead: boolean) {
  return {
    frame: frameOf('Tags', 'tags.html', { scripts: ['assets/tables.js'] }),
    count: tags.length,
    isRegistryRead,
    tags: tags.map((tag) => tagRow(tag, owners, '', maxListedMoves)),
  };
}

/**
 * Decides which images of a repository go. Everything here counts by digest: a DELETE removes a manifest with all its
 * tags, so an image stays if anything that stays names it.
 */
import type { Digest } from '../../lib/oci/digest.ts';
import { judgeTags, type RetentionRule } from '../../lib/registry/retention-rule.ts';
import { holdAt } from '../../stages/sign/tag-hold.ts';
import type { TagMove } from '../../stages/sign/tag-move.ts';
import type { RepositoryTags, TaggedImage } from '../trust/tagged-images.ts';
import { formerImages, type StatedImage } from './former-images.ts';

/**
 * Why a tag stays or goes. `unstated`: the key has signed no statement of it, so the time when it got its image is
 * unknown; `held`: a hold is in force; `altered`: its history cannot be
 * believed; `shared`: a tag or an index that stays names its image; `rollback`: a tag that stays
 * would go back to it.
 */
type RetentionReason =
  'no rule' | 'kept' | 'unstated' | 'held' | 'altered' | 'shared' | 'rollback' | 'expired';

interface JudgedTag {
  tag: string;
  digest: Digest;
  /** ISO 8601: when the key stated that the tag names the image. */
  since?: string;
  stays: boolean;
  reason: RetentionReason;
}

/** An image that goes, with its tags, those of its attachments, and those of the histories of its tags. */
export interface RemovableImage {
  digest: Digest;
  tags: string[];
  attachments: string[];
  histories: string[];
}

export interface RetentionPlan {
  /** HOST/REPOSITORY */
  repository: string;
  tags: JudgedTag[];
  /** Those that go, indexes before their images. */
  images: RemovableImage[];
  /** Where tags that stay would go back to, with the images of indexes; they may have no tag any more. */
  rollback: Digest[];
}

export interface JudgedInput {
  repository: string;
  tags: RepositoryTags;
  /** What the key has stated of each image. */
  stated: readonly StatedImage[];
  rules: readonly RetentionRule[];
  /** Milliseconds since 1970. */
  now: number;
}

export interface RetentionInput extends JudgedInput {
  /** Tags whose history was altered. */
  altered: ReadonlySet<string>;
  /** Records of each tag, if it has any. */
  moves: ReadonlyMap<string, readonly TagMove[]>;
  /** Tags of the pages of each tag's history. */
  histories: ReadonlyMap<string, readonly string[]>;
}

/** The images that the tags that stay would go back to, without those of indexes. */
export function rollbackImages(input: RetentionInput): Digest[] {
  const { repository, stated, moves } = input;
  const staying = judge(input).filter(({ stays }) => stays);
  return staying.flatMap(({ tag, digest }) =>
    formerImages(`${repository}:${tag}`, digest, { moves: moves.get(tag) ?? [], stated }),
  );
}

/** `untagged` has the images of indexes that no tag names any more. */
export function planRetention(
  input: RetentionInput,
  untagged: readonly Pick<TaggedImage, 'digest' | 'children'>[] = [],
): RetentionPlan {
  const { repository, tags, histories } = input;
  const judged = judge(input);
  const staying = judged.filter(({ stays }) => stays);
  const below = new Map(
    [...tags.images, ...untagged].map(({ digest, children }) => [digest, children.map((one) => one.digest)]),
  );
  const withChildren = (digests: readonly Digest[]) =>
    digests.flatMap((one) => [one, ...(below.get(one) ?? [])]);
  const shared = new Set(withChildren(staying.map(({ digest }) => digest)));
  const rollback = new Set(withChildren(rollbackImages(input)));
  const settled = judged.map((one): JudgedTag => {
    if (one.stays) return one;
    if (shared.has(one.digest)) return { ...one, stays: true, reason: 'shared' };
    return rollback.has(one.digest) ? { ...one, stays: true, reason: 'rollback' } : one;
  });
  const going = settled.filter(({ stays }) => !stays);
  // Images of an index that goes, unless something that stays names them.
  const digests = new Set(withChildren(going.map(({ digest }) => digest)));
  const images = [...digests.difference(shared).difference(rollback)].map((digest) => {
    const own = going.filter((one) => one.digest === digest).map(({ tag }) => tag);
    return {
      digest,
      tags: own,
      attachments: tags.attachments.get(digest) ?? [],
      histories: own.flatMap((tag) => histories.get(tag) ?? []),
    };
  });
  return { repository, tags: settled, images, rollback: [...rollback] };
}

/** By the rules, and what the histories add to them. */
function judge({ moves, altered, ...input }: RetentionInput): JudgedTag[] {
  return judgeByRules(input).map((judged) => {
    const stays = (reason: RetentionReason) => ({ ...judged, stays: true, reason });
    if (judged.reason === 'unstated') return judged;
    if (altered.has(judged.tag)) return stays('altered');
    return holdAt(moves.get(judged.tag)?.at(-1), input.now / 1000) ? stays('held') : judged;
  });
}

/** By the rules alone. */
export function judgeByRules({ repository, tags, stated, rules, now }: JudgedInput): JudgedTag[] {
  const standings = new Map(stated.map((one) => [one.digest, one.standings]));
  const timeOf = ({ tag, digest }: TaggedImage) => {
    const issued = standings.get(digest)?.get(`${repository}:${tag}`)?.issued;
    return issued === undefined ? undefined : issued * 1000;
  };
  const dated = tags.images.flatMap((image) => {
    const time = timeOf(image);
    return time === undefined ? [] : [{ tag: image.tag, time }];
  });
  const verdicts = judgeTags(rules, dated, now);
  return tags.images.map((image): JudgedTag => {
    const { tag, digest } = image;
    const verdict = verdicts.get(tag);
    if (!verdict) return { tag, digest, stays: true, reason: 'unstated' };
    const since = new Date(timeOf(image)!).toISOString();
    if (!verdict.stays) return { tag, digest, since, stays: false, reason: 'expired' };
    return { tag, digest, since, stays: true, reason: verdict.rule ? 'kept' : 'no rule' };
  });
}

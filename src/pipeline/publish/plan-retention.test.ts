import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Digest } from '../../lib/oci/digest.ts';
import { parseRule } from '../../lib/registry/retention-rule.ts';
import type { Standing } from '../../stages/sign/standing.ts';
import type { TagMove } from '../../stages/sign/tag-move.ts';
import type { TaggedImage } from '../trust/tagged-images.ts';
import { formerImages, type StatedImage } from './former-images.ts';
import { planRetention, type RetentionInput } from './plan-retention.ts';

const day = 86_400_000;
const repository = 'registry.example.com/app';
const digestOf = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}`;

interface Random {
  tags: { tag: string; image: number; age: number; isStated: boolean }[];
  /** Images of each index, by its number. */
  indexes: Record<string, number[]>;
  rules: string[];
}

/** Numbers from 20 on are indexes of lower ones. */
const random: fc.Arbitrary<Random> = fc.record({
  tags: fc.uniqueArray(
    fc.record({
      tag: fc.constantFrom('latest', 'a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'b4'),
      image: fc.oneof(fc.nat(5), fc.integer({ min: 20, max: 23 })),
      age: fc.nat(9),
      isStated: fc.boolean(),
    }),
    { selector: ({ tag }) => tag },
  ),
  indexes: fc.dictionary(fc.constantFrom('20', '21', '22', '23'), fc.array(fc.nat(8), { maxLength: 3 })),
  rules: fc.array(fc.constantFrom('a*,keep=1', 'b*,age=3d', 'a?,age=5d', 'b1,keep=1', '*,keep=2'), {
    maxLength: 3,
  }),
});

/** Of tags with an even image: it came there from the image after it. */
function movesOf({ tags }: Random): RetentionInput['moves'] {
  const moved = ({ tag, image }: Random['tags'][number]): TagMove => ({
    reference: `${repository}:${tag}`,
    number: 1,
    from: digestOf(image + 1),
    to: digestOf(image),
    reason: 'published',
    by: 'key',
    time: 0,
  });
  return new Map(tags.filter(({ image }) => image % 2 === 0).map((one) => [one.tag, [moved(one)]]));
}

/** What was stated before of images that a tag does not name any more: each is stated of `latest` too. */
function inputOf(one: Random): RetentionInput {
  const { tags, indexes, rules } = one;
  const childrenOf = (image: number) =>
    (indexes[String(image)] ?? []).map((child) => ({ digest: digestOf(child), mediaType: '' }));
  const images = tags.map(({ tag, image }): TaggedImage => {
    const digest = digestOf(image);
    const manifest = { bytes: Buffer.alloc(0), mediaType: '', digest };
    return { tag, digest, manifest, children: childrenOf(image) };
  });
  const stated = [...Map.groupBy(tags, ({ image }) => image)].map(([image, own]): StatedImage => {
    const newest = Math.min(...own.map(({ age }) => age));
    const standings = new Map<string, Standing>();
    const state = (tag: string, age: number) => {
      const reference = `${repository}:${tag}`;
      const number = (10 - age) * 100 + image;
      standings.set(reference, { reference, number, issued: ((10 - age) * day) / 1000, expires: 0 });
    };
    state('latest', newest);
    for (const { tag, age, isStated } of own) if (isStated) state(tag, age);
    return { digest: digestOf(image), standings };
  });
  const attachments = new Map(
    [...Array(24).keys()].map((image) => [digestOf(image), [`sha256-${image}.sig`]]),
  );
  const derived = [...attachments.values()].flat();
  const histories = new Map(tags.map(({ tag }) => [tag, [`${tag}.history`, `${tag}.history.1`]]));
  return {
    repository,
    tags: { images, attachments, derived },
    stated,
    altered: new Set<string>(),
    moves: movesOf(one),
    histories,
    rules: rules.map(parseRule),
    now: 10 * day,
  };
}

test('nothing goes that a tag, an index or a rollback of what stays needs', () => {
  fc.assert(
    fc.property(random, (one) => {
      const input = inputOf(one);
      const { tags, images } = planRetention(input);
      const going = new Set(images.map(({ digest }) => digest));
      const imageOf = (tag: string) => input.tags.images.find((image) => image.tag === tag)!;
      for (const { tag, digest, stays } of tags) {
        expect(going.has(digest)).toBe(!stays);
        if (!stays) continue;
        for (const child of imageOf(tag).children) expect(going.has(child.digest)).toBe(false);
      }
      const pastOf = (tag: string) => ({ moves: input.moves.get(tag) ?? [], stated: input.stated });
      for (const { tag, digest, stays, reason } of tags) {
        if (!stays || ['shared', 'rollback'].includes(reason)) continue;
        for (const former of formerImages(`${repository}:${tag}`, digest, pastOf(tag))) {
          expect(going.has(former)).toBe(false);
        }
      }
      const known = input.tags.images.flatMap(({ digest, children }) => [
        digest,
        ...children.map((c) => c.digest),
      ]);
      for (const { digest, tags: own, attachments, histories } of images) {
        expect(known).toContain(digest);
        expect(own).toEqual(tags.filter((each) => each.digest === digest).map(({ tag }) => tag));
        expect(histories).toEqual(own.flatMap((tag) => input.histories.get(tag)));
        expect(attachments).toEqual(input.tags.attachments.get(digest));
      }
    }),
    { numRuns: 500 },
  );
});

test('a hold in force keeps a tag that the rules would remove', () => {
  fc.assert(
    fc.property(random, fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }), (one, until) => {
      const input = inputOf(one);
      const hold = { reason: 'kept', ...(until !== undefined && { until: (until * day) / 1000 }) };
      const moves = new Map(
        input.tags.images.map(({ tag, digest: to }): [string, TagMove[]] => {
          const reference = `${repository}:${tag}`;
          return [tag, [{ reference, number: 1, to, reason: 'held', by: 'key', time: 0, hold }]];
        }),
      );
      const isInForce = until === undefined || until > 10;
      const { tags, images } = planRetention({ ...input, moves });
      if (isInForce) expect(images).toEqual([]);
      const held = tags.filter(({ reason }) => reason === 'held');
      expect(held.length).toBe(isInForce ? tags.filter(({ since }) => since).length : 0);
    }),
  );
});

test('a tag whose history was altered stays', () => {
  fc.assert(
    fc.property(random, (one) => {
      const input = inputOf(one);
      const altered = new Set(input.tags.images.map(({ tag }) => tag));
      expect(planRetention({ ...input, altered }).images).toEqual([]);
    }),
  );
});

test('an image of an index that a tag would go back to stays, though the index has no tag any more', () => {
  const tags = [
    { tag: 'latest', image: 6, age: 0, isStated: true },
    { tag: 'a1', image: 3, age: 9, isStated: true },
  ];
  const input = inputOf({ tags, indexes: {}, rules: ['a*,age=3d'] });
  const moves = new Map([['latest', movesOf({ tags, indexes: {}, rules: [] }).get('latest')!]]);
  expect(planRetention({ ...input, moves }).images).toMatchObject([{ digest: digestOf(3) }]);
  const index = { digest: digestOf(7), children: [{ digest: digestOf(3), mediaType: '' }] };
  const kept = planRetention({ ...input, moves }, [index]);
  expect(kept.images).toEqual([]);
  expect(kept.rollback).toEqual([digestOf(7), digestOf(3)]);
});

test('without rules, and of tags that nothing is stated of, nothing goes', () => {
  fc.assert(
    fc.property(random, (one) => {
      expect(planRetention(inputOf({ ...one, rules: [] })).images).toEqual([]);
      const input = inputOf(one);
      expect(planRetention({ ...input, stated: [] }).images).toEqual([]);
    }),
  );
});

test('the plan does not depend on the order of the tags', () => {
  fc.assert(
    fc.property(random, (one) => {
      const goingOf = (each: Random) =>
        planRetention(inputOf(each))
          .images.map(({ digest }) => digest)
          .toSorted();
      expect(goingOf({ ...one, tags: one.tags.toReversed() })).toEqual(goingOf(one));
    }),
  );
});

import { decode, encode, RECURSION_DESIRED, type Question } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerTo, maxQuery } from './name-answer.ts';

const members: Record<string, string[]> = {
  hat: ['10.0.0.2', 'fd00::2'],
  many: Array.from({ length: 60 }, (_, index) => `10.0.0.${index}`),
};
const lookup = async (name: string) => (Object.hasOwn(members, name) ? members[name] : undefined);

async function ask(name: string, type: Question['type'], over: 'udp' | 'tcp' = 'udp') {
  const query = encode({
    type: 'query',
    id: 7,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
  });
  const {
    id,
    rcode,
    answers = [],
    flag_tc,
  } = decode((await answerTo(query, over, lookup))!) as ReturnType<typeof decode> & {
    rcode: string;
  };
  return {
    id,
    rcode,
    found: answers.map((one) => ('data' in one ? one.data : undefined)),
    truncated: flag_tc,
  };
}

test('a member is found by its name in any case, with the addresses of the asked kind', async () => {
  expect(await ask('hat', 'A')).toEqual({ id: 7, rcode: 'NOERROR', found: ['10.0.0.2'], truncated: false });
  expect((await ask('HAT', 'AAAA')).found).toEqual(['fd00::2']);
  expect(await ask('hat', 'MX')).toMatchObject({ rcode: 'NOERROR', found: [] });
});

test('any other name does not exist', async () => {
  for (const name of ['bonnet', 'hat.example.com', '2.0.0.10.in-addr.arpa', 'constructor'])
    expect(await ask(name, 'A')).toMatchObject({ rcode: 'NXDOMAIN', found: [] });
});

test('what is too long for a datagram comes over TCP', async () => {
  expect(await ask('many', 'A')).toMatchObject({ found: [], truncated: true });
  expect((await ask('many', 'A', 'tcp')).found).toHaveLength(60);
});

test('whatever a member sends, it gets an answer or none, and no other question has one', async () => {
  const bytes = fc.uint8Array({ maxLength: maxQuery + 10 });
  const damaged = fc.tuple(fc.nat(40), fc.nat(255)).map(([at, value]) => {
    const query = Buffer.from(encode({ type: 'query', id: 1, questions: [{ name: 'hat', type: 'A' }] }));
    query[at % query.length] = value;
    return query;
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(bytes, damaged), async (message) => {
      const answer = await answerTo(Buffer.from(message), 'udp', lookup);
      if (answer) expect(decode(answer)).toMatchObject({ type: 'response' });
      if (answer) expect(answer.length).toBeLessThanOrEqual(512);
    }),
  );
});

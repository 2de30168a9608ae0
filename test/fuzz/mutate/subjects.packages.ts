/** Package files: their headers, their payloads, what the solver reads of them. */
import { readFile } from 'node:fs/promises';
import { signatureIssuer } from '../../../src/lib/rpm/openpgp.ts';
import { Draft } from '../mutants/draft.ts';
import { payloads } from '../../helpers/rpm/fixtures.ts';
import { readWithBoth } from './both-readers.ts';
import { damage } from './bytes.ts';
import { solveWith } from './solving.ts';
import { damagePayload, mutateDraft, mutateFile } from './package.ts';
import { pick } from '../../helpers/random.ts';
import type { Subject } from './subject.ts';

const refusals = ['PACKAGE_INVALID'] as const;

const readWhole: Subject['read'] = async (path, _originals, onAddon) => {
  await readWithBoth(path, onAddon);
};

/** An archive as rpm writes it for large files: entries say no more than their number in the header. */
function strip(draft: Draft): void {
  const paths = draft.paths.map((path) => `.${path}`);
  draft.archive = draft.archive.map((member) => ({
    ...member,
    magic: '07070X',
    fields: [paths.indexOf(member.name.toString('latin1'))],
  }));
}

/** RFC 4880: a version 4 signature with the issuer's fingerprint, as rpmsign makes it. */
const signature = Buffer.from(
  '883904000108001d05025d5f071e162104771b18d3d7baa28734333c424344591e1964c5fc000a09104344591e1964c5fc00000000',
  'hex',
);

export const packageSubjects: Record<string, Subject> = {
  /** As it lies there: digests are wrong, but headers are read before anything is held against them. */
  'package file': {
    isNative: true,
    refusals,
    share: 3,
    mutate: (originals, random) => ({
      ending: '.rpm',
      bytes: mutateFile(originals.bytes('mutant.rpm'), random),
    }),
    read: readWhole,
  },
  /** One compressor after the other; the second reader has a process of rpm2cpio for some. */
  'package payload': {
    isNative: true,
    refusals,
    share: 3,
    mutate: (originals, random) => {
      const original = originals.bytes(`everything-${pick(random, payloads)}.rpm`);
      const bytes = random(6) === 0 ? mutateFile(original, random) : damagePayload(original, random);
      return { ending: '.rpm', bytes };
    },
    read: readWhole,
  },
  /** Every digest right: any value of any tag, any number and byte of the archive. */
  'package values': {
    isNative: true,
    // Names that no layer can hold are refused when one is to be made of them.
    refusals: [...refusals, 'IMAGE_UNREPRESENTABLE'],
    share: 3,
    mutate: (originals, random) => {
      const draft = new Draft(originals.bytes('mutant.rpm'));
      if (random(3) === 0) strip(draft);
      const kind = random(8);
      if (kind < 2) draft.editArchive((archive) => damage(archive, random));
      else if (kind === 2) draft.squeezed = (payload) => damage(payload, random);
      else mutateDraft(draft, random, new Set());
      return { ending: '.rpm', bytes: draft.bytes() };
    },
    read: readWhole,
  },
  'package in the solver': {
    // Of what it says it is, name and version are told last, with the repository.
    refusals: [...refusals, 'REPO_INVALID'],
    isNative: true,
    share: 3,
    mutate: (originals, random) => {
      const original = originals.bytes(pick(random, ['app.rpm', 'mutant.rpm', 'everything-w9.gzdio.rpm']));
      return { ending: '.rpm', bytes: mutateFile(original, random) };
    },
    read: async (path, originals) => void (await solveWith(originals, { package: path })),
  },
  'signature packet': {
    refusals: [],
    mutate: (_originals, random) => ({ ending: '.sig', bytes: damage(signature, random) }),
    read: async (path) => void signatureIssuer(await readFile(path)),
  },
};

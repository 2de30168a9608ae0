/** Repositories' metadata, compressed in every way. */
import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { nevraText } from '../../../src/lib/rpm/package.ts';
import { expandGroups, readComps } from '../../../src/stages/repo/comps.ts';
import { parseMetalink, parseMirrorlist, vouchesFor } from '../../../src/stages/repo/metalink.ts';
import { readModules } from '../../../src/stages/repo/modules.ts';
import { parseRepomd } from '../../../src/stages/repo/repomd.ts';
import { readUpdateinfo } from '../../../src/stages/repo/updateinfo.ts';
import { moduleFilter } from '../../../src/stages/solve/module-filter.ts';
import { damage } from './bytes.ts';
import { compressed } from './compression.ts';
import { documents } from './documents.ts';
import type { Originals } from './original-files.ts';
import { solveWith } from './solving.ts';
import type { Subject } from './subject.ts';
import { mutateLines } from './text.ts';
import { mutateXml } from './xml.ts';

const refusals = ['REPO_INVALID'] as const;

type Sound = (originals: Originals) => string;

const plainXml = (sound: Sound): Subject['mutate'] => {
  return (originals, random) => ({ ending: '.xml', bytes: mutateXml(sound(originals), random) });
};

const compressedXml = (sound: Sound): Subject['mutate'] => {
  return (originals, random) => {
    const document = sound(originals);
    const mutated = () => mutateXml(document, random);
    const { ending, bytes } = compressed(Buffer.from(document), mutated, random);
    return { ending: `.xml${ending}`, bytes };
  };
};

const text = async (path: string) => (await readFile(path)).toString('utf8');

export const metadataSubjects: Record<string, Subject> = {
  repomd: {
    refusals,
    mutate: plainXml((originals) => originals.text('repomd.xml')),
    read: async (path) => void parseRepomd(await text(path), path),
  },
  metalink: {
    refusals: ['REPO_INVALID', 'REPO_UNAVAILABLE'],
    mutate: plainXml(() => documents.metalink),
    read: async (path) => void vouchesFor(parseMetalink(await text(path), path), Buffer.alloc(3000)),
  },
  'mirror list': {
    refusals: ['REPO_UNAVAILABLE'],
    mutate: (_originals, random) => ({ ending: '', bytes: mutateLines(documents.mirrorlist, random) }),
    read: async (path) => void parseMirrorlist(await text(path), path),
  },
  comps: {
    refusals: ['REPO_INVALID', 'SOLVE_FAILED'],
    mutate: compressedXml(() => documents.comps),
    read: async (path) => void expandGroups([await readComps(path)], ['@core', '@^server'], 'x86_64'),
  },
  updateinfo: {
    refusals,
    mutate: compressedXml(() => documents.updateinfo),
    read: async (path) => {
      for await (const _ of readUpdateinfo(path));
    },
  },
  modules: {
    refusals: ['REPO_INVALID', 'SOLVE_FAILED'],
    mutate: (_originals, random) => {
      const mutated = () => mutateLines(documents.modules, random);
      const { ending, bytes } = compressed(Buffer.from(documents.modules), mutated, random);
      return { ending: `.yaml${ending}`, bytes };
    },
    read: async (path) => void moduleFilter([await readModules(path)], ['perl:5.32'], 'x86_64'),
  },
  primary: {
    refusals: ['REPO_INVALID', 'SOLVE_FAILED'],
    isNative: true,
    share: 4,
    mutate: compressedXml((originals) => originals.text('primary.xml')),
    read: async (path, originals) => void (await solveWith(originals, { primary: path })),
  },
  filelists: {
    refusals: ['REPO_INVALID', 'SOLVE_FAILED'],
    isNative: true,
    share: 2,
    mutate: compressedXml((originals) => originals.text('filelists.xml')),
    read: async (path, originals) => void (await solveWith(originals, { filelists: path })),
  },
  /** What is cached in libsolv's own format, which it trusts: none that is damaged is ever taken for a good one. */
  'cached metadata': {
    refusals: [],
    isNative: true,
    mutate: (originals, random) => ({
      ending: '.xml.solv',
      bytes: damage(originals.bytes('cached.solv'), random),
    }),
    read: async (path, originals) => {
      const primary = path.replace(/input\.xml\.solv$/, 'primary.xml');
      await copyFile(originals.path('primary.xml'), primary);
      await copyFile(path, `${primary}.solv`);
      const { packages } = await solveWith(originals, { primary });
      assert.equal(packages.map(nevraText).join('\n'), originals.text('answer'));
      assert.deepEqual(await readFile(`${primary}.solv`), originals.bytes('cached.solv'));
    },
  },
};

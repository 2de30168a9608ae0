/** Scriptlets and triggers of every kind, as a header has them (rpm, lib/rpmtag.h and rpmds.h). */
import { headerTags, type HeaderTag } from '../../../src/lib/rpm/tags.ts';
import { entry, type HeaderEntry } from './synthesize.ts';

export const plainKinds = ['pretrans', 'pre', 'post', 'preun', 'postun', 'posttrans'] as const;
export const triggerKinds = ['triggerprein', 'triggerin', 'triggerun', 'triggerpostun'] as const;
export const fileTriggerKinds = [
  'filetriggerin',
  'filetriggerun',
  'filetriggerpostun',
  'transfiletriggerin',
  'transfiletriggerun',
  'transfiletriggerpostun',
] as const;

export type ScriptletKind =
  (typeof plainKinds)[number] | (typeof triggerKinds)[number] | (typeof fileTriggerKinds)[number];

export interface Scriptlet {
  kind: ScriptletKind;
  language: 'sh' | 'lua';
  body: string;
  /** Of a trigger: names of packages, or beginnings of paths. */
  on?: readonly string[];
}

const tags = {
  pretrans: ['PRETRANS', 'PRETRANSPROG'],
  pre: ['PREIN', 'PREINPROG'],
  post: ['POSTIN', 'POSTINPROG'],
  preun: ['PREUN', 'PREUNPROG'],
  postun: ['POSTUN', 'POSTUNPROG'],
  posttrans: ['POSTTRANS', 'POSTTRANSPROG'],
} as const satisfies Record<string, readonly [HeaderTag, HeaderTag]>;
/** RPMSENSE_TRIGGER*. */
const senses = { prein: 1 << 25, in: 1 << 16, un: 1 << 17, postun: 1 << 18 } as const;
/** The default of rpmbuild. */
const priority = 1_000_000;

const program = ({ language }: Scriptlet) => (language === 'lua' ? '<lua>' : '/bin/sh');

export function scriptletEntries(scriptlets: readonly Scriptlet[]): HeaderEntry[] {
  const plain = scriptlets.flatMap((one) => {
    if (!(one.kind in tags)) return [];
    const [body, prog] = tags[one.kind as keyof typeof tags];
    return [entry(body, one.body), entry(prog, program(one))];
  });
  const families = ['TRIGGER', 'FILETRIGGER', 'TRANSFILETRIGGER'] as const;
  return [...plain, ...families.flatMap((family) => triggers(family, scriptlets))];
}

function triggers(
  family: 'TRIGGER' | 'FILETRIGGER' | 'TRANSFILETRIGGER',
  scriptlets: readonly Scriptlet[],
): HeaderEntry[] {
  const prefix = family.toLowerCase();
  const found = scriptlets.filter(({ kind }) => kind.startsWith(prefix));
  if (found.length === 0) return [];
  const conditions = found.flatMap(({ kind, on = [] }, index) =>
    on.map((name) => ({ name, index, flags: senses[kind.slice(prefix.length) as keyof typeof senses] })),
  );
  return [
    entry(`${family}SCRIPTS`, ...found.map(({ body }) => body)),
    entry(`${family}SCRIPTPROG`, ...found.map(program)),
    entry(`${family}SCRIPTFLAGS`, ...found.map(() => 0)),
    entry(`${family}NAME`, ...conditions.map(({ name }) => name)),
    entry(`${family}VERSION`, ...conditions.map(() => '')),
    entry(`${family}FLAGS`, ...conditions.map(({ flags }) => flags)),
    entry(`${family}INDEX`, ...conditions.map(({ index }) => index)),
    ...(family === 'TRIGGER'
      ? []
      : [{ ...headerTags[`${family}PRIORITIES`], values: found.map(() => priority) }]),
  ];
}

/** Scriptlets, triggers and file triggers of a package. */
import { readTriples, sense, type Dependency } from './dependencies.ts';
import type { Header, Refuse } from './header.ts';
import { headerTags, type HeaderTag } from './tags.ts';

type PlainKind =
  'pre' | 'post' | 'preun' | 'postun' | 'pretrans' | 'posttrans' | 'preuntrans' | 'postuntrans' | 'verify';
type TriggerEvent = 'prein' | 'in' | 'un' | 'postun';
export type ScriptletKind =
  PlainKind | `trigger${TriggerEvent}` | `filetrigger${TriggerEvent}` | `transfiletrigger${TriggerEvent}`;

export interface Scriptlet {
  kind: ScriptletKind;
  /** Program and its arguments, such as ['/bin/sh'] or ['<lua>']. */
  interpreter: string[];
  /** Empty if the program alone is the scriptlet (`%post -p /sbin/ldconfig`). */
  body: string;
  /** Bits of rpm's RPMSCRIPT_FLAG_*: 1 expand macros, 2 query format, 4 critical. */
  flags: number;
  /** For triggers the watched packages, for file triggers the path prefixes. */
  conditions: Dependency[];
  /** For file triggers; a higher number runs earlier, default 1000000. */
  priority?: number;
}

const plain: readonly (readonly [PlainKind, HeaderTag, HeaderTag, HeaderTag])[] = [
  ['pretrans', 'PRETRANS', 'PRETRANSPROG', 'PRETRANSFLAGS'],
  ['pre', 'PREIN', 'PREINPROG', 'PREINFLAGS'],
  ['post', 'POSTIN', 'POSTINPROG', 'POSTINFLAGS'],
  ['preun', 'PREUN', 'PREUNPROG', 'PREUNFLAGS'],
  ['postun', 'POSTUN', 'POSTUNPROG', 'POSTUNFLAGS'],
  ['posttrans', 'POSTTRANS', 'POSTTRANSPROG', 'POSTTRANSFLAGS'],
  ['preuntrans', 'PREUNTRANS', 'PREUNTRANSPROG', 'PREUNTRANSFLAGS'],
  ['postuntrans', 'POSTUNTRANS', 'POSTUNTRANSPROG', 'POSTUNTRANSFLAGS'],
  ['verify', 'VERIFYSCRIPT', 'VERIFYSCRIPTPROG', 'VERIFYSCRIPTFLAGS'],
];

/** Every scriptlet in the order of a package's life; then triggers, file triggers, transaction file triggers. */
export function readScriptlets(header: Header, refuse: Refuse): Scriptlet[] {
  const scriptlets: Scriptlet[] = [];
  for (const [kind, bodyTag, programTag, flagsTag] of plain) {
    if (!header.has(headerTags[bodyTag]) && !header.has(headerTags[programTag])) continue;
    scriptlets.push({
      kind,
      interpreter: header.strings(headerTags[programTag]) ?? ['/bin/sh'],
      body: header.string(headerTags[bodyTag]) ?? '',
      flags: header.number(headerTags[flagsTag]) ?? 0,
      conditions: [],
    });
  }
  for (const family of ['TRIGGER', 'FILETRIGGER', 'TRANSFILETRIGGER'] as const) {
    scriptlets.push(...readTriggers(header, family, refuse));
  }
  return scriptlets;
}

type Family = 'TRIGGER' | 'FILETRIGGER' | 'TRANSFILETRIGGER';

/** Conditions are one flat list for all triggers of a family; the index array assigns them. */
function readTriggers(header: Header, family: Family, refuse: Refuse): Scriptlet[] {
  const scripts = header.strings(headerTags[`${family}SCRIPTS`]) ?? [];
  const programs = header.strings(headerTags[`${family}SCRIPTPROG`]);
  const flags = header.numbers(headerTags[`${family}SCRIPTFLAGS`]);
  const conditions = readTriples(header, `${family}NAME`, `${family}VERSION`, `${family}FLAGS`, refuse);
  const indexes = header.numbers(headerTags[`${family}INDEX`]) ?? [];
  const priorities = family === 'TRIGGER' ? undefined : header.numbers(headerTags[`${family}PRIORITIES`]);
  if (indexes.length !== conditions.length) {
    throw refuse(`has ${conditions.length} trigger conditions but ${indexes.length} indexes for them`);
  }
  const byScript: Dependency[][] = scripts.map(() => []);
  for (const [i, condition] of conditions.entries()) {
    const owner = byScript[indexes[i] ?? -1];
    if (!owner) throw refuse(`has a trigger on ${condition.name} without a script`);
    owner.push(condition);
  }
  return scripts.map((body, i) => {
    const watched = byScript[i] ?? [];
    const event = eventOf(watched[0]?.flags ?? 0);
    if (!event) throw refuse('has a trigger that no event sets off');
    const priority = priorities?.[i];
    return {
      kind: `${family.toLowerCase() as Lowercase<Family>}${event}`,
      interpreter: [programs?.[i] ?? '/bin/sh'],
      body,
      flags: flags?.[i] ?? 0,
      conditions: watched,
      ...(priority !== undefined && { priority }),
    };
  });
}

function eventOf(flags: number): TriggerEvent | undefined {
  if (flags & sense.triggerPreIn) return 'prein';
  if (flags & sense.triggerIn) return 'in';
  if (flags & sense.triggerUn) return 'un';
  return flags & sense.triggerPostUn ? 'postun' : undefined;
}

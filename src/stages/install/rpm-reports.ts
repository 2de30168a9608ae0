/**
 * Finds rpm's messages in the output of rpm and its scriptlets: behind half a line, inside a line of a million
 * characters, between any other messages. rpm writes `warning: ` and the message in two pieces, and other output may
 * come between them, so the search does not include the prefix.
 */
import { messages, type Message } from './rpm-messages.ts';

export interface RpmReport {
  message: Message;
  /** Such as %post; for an owner `user` or `group`. */
  kind?: string;
  /** NEVRA of the package; for an owner its name. Only the beginning if `isCut`. */
  nevra?: string;
  isCut: boolean;
  words: string;
  /** The whole message as rpm wrote it. */
  text: string;
}

/** A message with its names extends no further to either side of its anchor. */
const reach = 1024;
/** Maximum for each message, unless every one counts: a single one of the others ends the build. */
const maxReports = 1000;

/** Names that can occur in messages of this transaction: other text is not rpm's. */
export interface KnownNames {
  /** Labels of all scriptlets, in the form of labelOf. */
  labels: ReadonlySet<string>;
  /** Users and groups in the headers. */
  owners: ReadonlySet<string>;
}

const searchedMessages = messages.filter((one) => one.pattern !== undefined);

export class ReportScanner {
  #text = '';
  /** Anchors before this position were handled. */
  #done = 0;
  readonly #found = new Map<Message, Map<string, RpmReport>>();
  readonly #names: KnownNames;

  constructor(names: KnownNames) {
    this.#names = names;
  }

  push(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    this.#scan(this.#text.length - reach);
    const start = Math.max(0, this.#done - reach);
    this.#text = this.#text.slice(start);
    this.#done -= start;
  }

  /** The reports, in no particular order. */
  end(): RpmReport[] {
    this.#scan(this.#text.length);
    return [...this.#found.values()].flatMap((reports) => [...reports.values()]);
  }

  #scan(limit: number): void {
    if (limit <= this.#done) return;
    for (const message of searchedMessages) {
      const anchor = message.anchor!;
      let at = this.#text.indexOf(anchor, this.#done);
      for (; at >= 0 && at < limit; at = this.#text.indexOf(anchor, at + 1)) this.#addReport(message, at);
    }
    this.#done = limit;
  }

  /** Distinguishes reports; undefined if rpm cannot have written it. */
  #keyOf({ message, kind, nevra, words, text }: RpmReport): string | undefined {
    if (nevra === undefined || !isBounded(message)) return text;
    const { labels, owners } = this.#names;
    const isKnown = message.answer === 'owner' ? owners.has(nevra) : labels.has(labelOf(kind, nevra));
    return isKnown ? `${kind} ${nevra} ${words}` : undefined;
  }

  #addReport(message: Message, at: number): void {
    const found = this.#found.get(message) ?? new Map<string, RpmReport>();
    this.#found.set(message, found);
    const start = Math.max(0, at - reach);
    const around = this.#text.slice(start, at + message.anchor!.length + reach);
    const match = new RegExp(message.pattern!, 'g');
    for (const one of around.matchAll(match)) {
      const covers = one.index <= at - start && one.index + one[0].length > at - start;
      if (!covers) continue;
      const report = toReport(message, one);
      const key = this.#keyOf(report);
      if (key !== undefined && (isBounded(message) || found.size < maxReports)) found.set(key, report);
    }
  }
}

/** Their number is bounded by that of scriptlets, statuses and owners, however much similar text there is. */
const isBounded = ({ answer }: Message) => answer === 'traced' || answer === 'owner';

function toReport(message: Message, match: RegExpExecArray): RpmReport {
  const { kind, nevra, cut, words = '', why } = match.groups ?? {};
  return {
    message,
    ...(kind !== undefined && { kind: fromBytes(kind) }),
    ...(nevra !== undefined && { nevra: fromBytes(nevra) }),
    isCut: cut !== undefined,
    words: fromBytes(why === undefined ? words : `${words}: ${why}`).trim(),
    text: fromBytes(match[0]),
  };
}

/** rpm's labels that differ from the section's name in a spec file. */
const sections: Record<string, string> = { '%prein': '%pre', '%postin': '%post' };

/** @param kind in rpm's message, such as %post */
export const sectionOf = (kind = ''): string => sections[kind] ?? kind;

/**
 * Equal for a scriptlet and for rpm's messages about it.
 * @param kind such as %post
 */
export function labelOf(kind: string | undefined, nevra: string): string {
  return `${sectionOf(kind)}(${withoutEpoch(nevra)})`;
}

/** Versions of rpm differ in whether a scriptlet's label contains the epoch. */
export function withoutEpoch(nevra: string): string {
  return nevra.replace(/-\d+:(?=[^-]+-[^-]+$)/, '-');
}

function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

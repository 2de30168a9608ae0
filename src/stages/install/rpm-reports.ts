/**
 * rpm's words, wherever they stand in what it and its scriptlets write: behind half a line, in the middle of one of a
 * million characters, after any number of others. rpm writes `warning: ` and what follows it in two pieces, between
 * which something else can come: the words are found without it.
 */
import { messages, type Message } from './rpm-messages.ts';

export interface RpmReport {
  message: Message;
  /** Such as %post; for an owner `user` or `group`. */
  kind?: string;
  /** Of the package; for an owner the name. Only its beginning where `isCut`. */
  nevra?: string;
  isCut: boolean;
  words: string;
  /** The whole, as rpm wrote it. */
  text: string;
}

/** No message with its names is longer on either side of its anchor. */
const reach = 1024;
/** Of each message, but for those of which every one counts: of others one is enough to end the build. */
const maxReports = 1000;

/** Whom rpm can speak of: whatever else looks like its words is not its. */
export interface KnownNames {
  /** As labelOf gives them, of all scriptlets. */
  labels: ReadonlySet<string>;
  /** Names of users and groups in their headers. */
  owners: ReadonlySet<string>;
}

const searchedMessages = messages.filter((one) => one.pattern !== undefined);

export class ReportScanner {
  #text = '';
  /** Anchors before this place have been looked at. */
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

  /** What was found, in no order. */
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

  /** What makes it another than those before; undefined where rpm cannot have said it. */
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

/** Of so many scriptlets, statuses and owners there are so many words, however many lines look like them. */
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

/** Where rpm's label is not the word that stands in the spec file. */
const sections: Record<string, string> = { '%prein': '%pre', '%postin': '%post' };

/** @param kind such as %post, of a word of rpm's */
export const sectionOf = (kind = ''): string => sections[kind] ?? kind;

/** The same for a scriptlet and for what rpm says of it. @param kind such as %post */
export function labelOf(kind: string | undefined, nevra: string): string {
  return `${sectionOf(kind)}(${withoutEpoch(nevra)})`;
}

/** Versions of rpm differ in whether a scriptlet's label holds the epoch. */
export function withoutEpoch(nevra: string): string {
  return nevra.replace(/-\d+:(?=[^-]+-[^-]+$)/, '-');
}

function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** A package that is being made wrong. */
import { createHash } from 'node:crypto';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import type { HeaderTag } from '../../../src/lib/rpm/tags.ts';
import {
  archiveBytes,
  memberField,
  putTogether,
  takeApart,
  withValues,
  type Member,
  type Value,
} from '../../helpers/rpm/rewrite.ts';
import type { HeaderEntry } from '../../helpers/rpm/synthesize.ts';

export interface NewFile {
  content?: string;
  /** Makes it a symbolic link. */
  target?: string;
  mode?: number;
  /** False: in the header alone. */
  isCarried?: boolean;
}

export class Draft {
  header: HeaderEntry[];
  archive: Member[];
  /** Of the plain archive, and of the compressed one. */
  #edits: ((bytes: Buffer) => Buffer)[] = [];
  squeezed: (payload: Buffer) => Buffer = (same) => same;
  end: 'trailer' | 'none' = 'trailer';

  constructor(rpm: Buffer) {
    ({ header: this.header, archive: this.archive } = takeApart(rpm));
  }

  editArchive(edit: (bytes: Buffer) => Buffer): void {
    this.#edits.push(edit);
  }

  bytes(): Buffer {
    const archive = this.#edits.reduce((bytes, edit) => edit(bytes), archiveBytes(this.archive, this.end));
    return putTogether({ header: this.header, archive, squeezed: this.squeezed });
  }

  /** The values of a tag, which must be there. */
  values(tag: HeaderTag): Value[] {
    let found: Value[] = [];
    withValues(this.header, tag, (values) => (found = values));
    return found;
  }

  edit(tag: HeaderTag, edit: (values: Value[]) => Value[]): void {
    this.header = withValues(this.header, tag, edit);
  }

  put(tag: HeaderTag, ...values: Value[]): void {
    this.edit(tag, () => values);
  }

  remove(tag: HeaderTag): void {
    this.put(tag);
  }

  get paths(): string[] {
    const directories = this.values('DIRNAMES').map(String);
    const indexes = this.values('DIRINDEXES').map(Number);
    return this.values('BASENAMES').map((name, index) => `${directories[indexes[index]!]}${String(name)}`);
  }

  /** By its path below /opt/m, or by the whole path. */
  index(path: string): number {
    const index = this.paths.indexOf(path.startsWith('/') ? path : `/opt/m/${path}`);
    if (index < 0) throw new Error(`there is no ${path}`);
    return index;
  }

  /** One file's value of a tag. */
  set(tag: HeaderTag, path: string, value: Value): void {
    const index = this.index(path);
    this.edit(tag, (values) => values.with(index, value));
  }

  member(path: string): Member {
    const name = path.startsWith('/') ? `.${path}` : `./opt/m/${path}`;
    const found = this.archive.find((one) => one.name.toString('latin1') === name);
    if (!found) throw new Error(`the archive has no ${path}`);
    return found;
  }

  field(field: keyof typeof memberField, path: string, value: number): void {
    this.member(path).fields[memberField[field]] = value;
  }

  /** In header and archive alike. */
  mode(path: string, mode: number): void {
    this.set('FILEMODES', path, mode);
    this.field('mode', path, mode);
  }

  /** Content of a file, or target of a link, with all that speaks of it. */
  content(path: string, text: string): void {
    const content = Buffer.from(text, 'latin1');
    const member = this.member(path);
    member.content = content;
    member.fields[memberField.size] = content.length;
    this.set('FILESIZES', path, content.length);
    const isLink = (member.fields[memberField.mode]! & fileType.mask) === fileType.link;
    if (isLink) this.set('FILELINKTOS', path, content);
    else this.set('FILEDIGESTS', path, createHash('sha256').update(content).digest('hex'));
  }

  /** Another name, in header and archive alike; `directory` as the header has it, with its slash. */
  rename(path: string, directory: string, name: string): void {
    const index = this.index(path);
    this.member(path).name = Buffer.from(`.${directory}${name}`, 'latin1');
    this.sizeNames();
    this.place(index, directory, name);
  }

  /** One more file, right in every way; the values that are not told are those of `a`. */
  add(path: string, { content = '', target, mode, isCarried = true }: NewFile = {}): void {
    const [like, count] = [this.index('a'), this.values('BASENAMES').length];
    const inode = 1000 + count;
    this.header = this.header.map((entry) =>
      entry.values.length === count ? { ...entry, values: [...entry.values, entry.values[like]!] } : entry,
    );
    const slash = path.lastIndexOf('/') + 1;
    this.place(count, path.slice(0, slash), path.slice(slash));
    const kind = mode ?? (target === undefined ? fileType.regular | 0o644 : fileType.link | 0o777);
    const bytes = Buffer.from(target ?? content, 'latin1');
    const isRegular = (kind & fileType.mask) === fileType.regular;
    const own: [HeaderTag, Value][] = [
      ['FILEMODES', kind],
      ['FILEINODES', inode],
      ['FILESIZES', bytes.length],
      ['FILELINKTOS', Buffer.from(target ?? '', 'latin1')],
      ['FILEDIGESTS', isRegular ? createHash('sha256').update(bytes).digest('hex') : ''],
    ];
    for (const [tag, value] of own) this.edit(tag, (values) => values.with(count, value));
    if (!isCarried) return;
    const fields = [...this.member('a').fields];
    fields[memberField.inode] = inode;
    fields[memberField.mode] = kind;
    fields[memberField.size] = bytes.length;
    this.archive.push({ magic: '070701', fields, name: Buffer.from(`.${path}`, 'latin1'), content: bytes });
    this.sizeNames();
  }

  addDirectory(path: string, mode = 0o755): void {
    this.add(path, { mode: fileType.directory | mode });
  }

  private place(index: number, directory: string, name: string): void {
    const wanted = Buffer.from(directory, 'latin1');
    this.edit('DIRNAMES', (names) => [...names, wanted]);
    const at = this.values('DIRNAMES').length - 1;
    this.edit('DIRINDEXES', (values) => values.with(index, at));
    this.edit('BASENAMES', (values) => values.with(index, Buffer.from(name, 'latin1')));
  }

  private sizeNames(): void {
    for (const { fields, name } of this.archive) fields[11] = name.length + 1;
  }
}

/** What is done to a sound package, by the name under which a test reports it. */
export type Mutation = readonly [name: string, ended: string, change: (draft: Draft) => void];

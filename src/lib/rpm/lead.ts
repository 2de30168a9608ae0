/** The head of a package file: lead, signature header and main header. The payload is not read. */
import { open, type FileHandle } from 'node:fs/promises';
import { MillinerError } from '../errors/error.ts';
import { Header, headerSize, type HeaderKind, type Refuse } from './header.ts';

const leadSize = 96;
const leadMagic = Buffer.from('edabeedb', 'hex');
const headerMagic = Buffer.from('8eade80100000000', 'hex');
/** The only signature type since rpm 2: a signature in a header of its own. */
const headerSignature = 5;

export interface PackageHead {
  /** From the lead: headers of source packages from old versions of rpm do not record it. */
  source: boolean;
  signature: Header;
  header: Header;
  /** Offset of the compressed payload. */
  payloadOffset: number;
  /** Bytes of the whole file. */
  fileSize: number;
}

export function refusePackage(path: string): Refuse {
  return (what) => new MillinerError('PACKAGE_INVALID', `${path}: ${what}`, { details: { path } });
}

/** Reads lead and headers of an RPM file of format 3, 4 or 6. Throws PACKAGE_INVALID naming the file. */
export async function readHead(path: string): Promise<PackageHead> {
  const refuse = refusePackage(path);
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new MillinerError('PACKAGE_INVALID', `${path}: cannot be opened (${cause.code})`, { cause });
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw refuse('is not a regular file');
    const reader = new Reader(handle, status.size, path);
    const lead = await reader.bytes(leadSize, 'lead');
    checkLead(lead, refuse);
    const signature = await reader.header('signature');
    // The signature header is padded to 8 bytes, counted from its magic.
    await reader.bytes((8 - (signature.blob.length % 8)) % 8, 'padding of the signature header');
    const header = await reader.header('package');
    return {
      source: lead.readUInt16BE(6) === 1,
      signature,
      header,
      payloadOffset: reader.position,
      fileSize: status.size,
    };
  } finally {
    await handle.close();
  }
}

function checkLead(lead: Buffer, refuse: Refuse): void {
  if (!lead.subarray(0, 4).equals(leadMagic)) throw refuse('is not an RPM package (no lead)');
  const major = lead.readUInt8(4);
  if (major < 3) throw refuse(`has the package format ${major}, older than 3`);
  if (lead.readUInt16BE(78) !== headerSignature) throw refuse('has an unknown type of signature');
}

class Reader {
  position = 0;
  private readonly handle: FileHandle;
  private readonly size: number;
  private readonly path: string;
  private readonly refuse: Refuse;

  constructor(handle: FileHandle, size: number, path: string) {
    this.handle = handle;
    this.size = size;
    this.path = path;
    this.refuse = refusePackage(path);
  }

  /** Checks the file's length before it allocates a buffer. */
  async bytes(length: number, what: string): Promise<Buffer> {
    if (length > this.size - this.position) throw this.truncated(what);
    const buffer = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.handle.read(buffer, filled, length - filled, this.position + filled);
      if (bytesRead === 0) throw this.truncated(what);
      filled += bytesRead;
    }
    this.position += length;
    return buffer;
  }

  async header(kind: HeaderKind): Promise<Header> {
    const intro = await this.bytes(16, `${kind} header`);
    if (!intro.subarray(0, 8).equals(headerMagic))
      throw this.refuse(`has no magic before its ${kind} header`);
    const { size } = headerSize(intro.subarray(8), kind, this.refuse);
    const rest = await this.bytes(size - 8, `${kind} header`);
    return new Header(Buffer.concat([intro.subarray(8), rest]), kind, this.refuse);
  }

  private truncated(what: string): MillinerError {
    const { path } = this;
    const details = { path, truncated: true };
    return new MillinerError('PACKAGE_INVALID', `${path}: is truncated in the ${what}`, { details });
  }
}

/** Files with holes, as the disks of snapshots are. */
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Its bytes without the holes, of which a disk has more than memory holds. */
export async function dataOf(path: string): Promise<Buffer> {
  const { size, blocks } = await stat(path);
  if (size <= blocks * 512) return readFile(path);
  const script = `
import os, sys
file = os.open(sys.argv[1], os.O_RDONLY)
end = 0
while True:
    try:
        start = os.lseek(file, end, os.SEEK_DATA)
    except OSError:
        break
    end = os.lseek(file, start, os.SEEK_HOLE)
    os.lseek(file, start, os.SEEK_SET)
    while start < end:
        piece = os.read(file, min(end - start, 1 << 20))
        sys.stdout.buffer.write(piece)
        start += len(piece)
`;
  const { stdout } = await promisify(execFile)('python3', ['-c', script, path], {
    encoding: 'buffer',
    maxBuffer: 2 ** 31 - 1,
  });
  return stdout;
}

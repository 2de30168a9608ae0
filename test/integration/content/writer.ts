/** A writer in a process of its own: `write STATE COUNT` ingests COUNT blobs, `hang STATE` stops half-way for good. */
import { ContentStore } from '../../../src/stages/content/store.ts';

const [action, state = '', count = '0'] = process.argv.slice(2);
const store = await ContentStore.open(state);

async function* blob(index: number): AsyncGenerator<Buffer> {
  for (let part = 0; part < 20; part++) yield await Promise.resolve(Buffer.alloc(5000 + index, part));
}

async function* hanging(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(100_000);
  process.stdout.write('half\n');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}

if (action === 'hang') await store.ingestStream(hanging());
for (let index = 0; index < Number(count); index++) {
  const { digest } = await store.ingestStream(blob(index));
  await store.verify(digest);
}

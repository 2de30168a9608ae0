/** Pushes a layout's image as `publish` does it, and nothing else: push-process.ts LAYOUT STATE HOST REPOSITORY. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../src/lib/oci/digest.ts';
import { silent } from '../../src/lib/host/progress.ts';
import { checkout } from '../../spec/places.ts';

type Store = typeof import('../../src/stages/content/store.ts');
type Client = typeof import('../../src/lib/registry/client.ts');
type Push = typeof import('../../src/pipeline/publish/push.ts');
type PushArguments = Parameters<Push['pushImage']>;

const [layout, state, registry, repository] = process.argv.slice(2) as [string, string, string, string];
const built = <T>(module: string) => import(join(checkout, 'dist', module)) as Promise<T>;
const { ContentStore } = await built<Store>('stages/content/store.js');
const { RegistryClient } = await built<Client>('lib/registry/client.js');
const { pushImage } = await built<Push>('pipeline/publish/push.js');

interface Described {
  mediaType: string;
  digest: Digest;
  size: number;
}
const read = (path: string) => readFileSync(join(layout, path));
const [found] = (JSON.parse(String(read('index.json'))) as { manifests: Described[] }).manifests;
const { digest, mediaType } = found!;
const manifest = read(`blobs/${digest.replace(':', '/')}`);
const { config, layers } = JSON.parse(String(manifest)) as { config: Described; layers: Described[] };
const content = await ContentStore.open(state);
const client = await RegistryClient.open({ registry, repository, plainHttp: true, pushes: true });
const context = { content, state, progress: silent } as PushArguments[0];
const image = { name: 'large', digest, mediaType, manifest, config, layers, base: undefined };
const target = { client, registry, repository, tags: [] };
const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
await pushImage(context, image as unknown as PushArguments[1], target, [], tally);
if (tally.skippedBlobs > 0) throw new Error('the registry had a blob already');
// Connections stay open for the next request.
process.exit(0);

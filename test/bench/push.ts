/** The push of a large image to a registry on loopback, beside skopeo. Each run has a registry of its own. */
import { createHash, randomFillSync } from 'node:crypto';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cache } from '../helpers/demo-recipes.ts';
import { RegistryServer } from '../helpers/registry/registry-server.ts';
import type { Bench } from './case.ts';
import { usageOf, type Usage } from './usage.ts';

/** Megabytes of the layers: 500 in sum, as unequal as those of images are. */
const layerSizes = [150, 100, 80, 60, 40, 30, 20, 10, 5, 5];
const megabyte = 1_000_000;
/** Of a zstd frame. The content is not to be compressed: a client that looks finds it compressed already. */
const magic = Buffer.from('28b52ffd', 'hex');

export async function pushCases(): Promise<Bench> {
  const place = await mkdtemp(join(cache, 'bench-push-'));
  const layout = makeLayout(place);
  const script = join(import.meta.dirname, 'push-process.ts');
  const withRegistry = async (command: (host: string) => string[]): Promise<Usage> => {
    const server = await RegistryServer.start({ directory: join(place, 'registry') });
    try {
      return await usageOf(command(server.host));
    } finally {
      await server.close();
    }
  };
  const copy = ['skopeo', 'copy', '-q', '--dest-tls-verify=false', `oci:${layout}`];
  return {
    cases: [
      {
        bench: 'release',
        case: 'push of a 500 MB image to loopback, beside skopeo copy of the same layers',
        unit: 's',
        target: { atMost: 1.1 },
        aim: { atMost: 0.8 },
        processor: { target: { atMost: 1.1 }, aim: { atMost: 0.8 } },
        runs: 5,
        seconds: { ours: 2, peer: 3 },
        ours: () => withRegistry((host) => [process.execPath, script, layout, place, host, 'large']),
        peer: () => withRegistry((host) => [...copy, `docker://${host}/large:1`]),
      },
    ],
    close: () => rm(place, { recursive: true }),
  };
}

/** The blobs lie in a content store as well, as hard links. */
function makeLayout(place: string): string {
  const layout = join(place, 'layout');
  for (const directory of [layout, place]) mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
  const add = (mediaType: string, content: Buffer) => {
    const hex = createHash('sha256').update(content).digest('hex');
    const path = join(layout, 'blobs/sha256', hex);
    writeFileSync(path, content);
    linkSync(path, join(place, 'blobs/sha256', hex));
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const layers = layerSizes.map((size) => {
    const content = Buffer.concat([magic, randomFillSync(Buffer.alloc(size * megabyte))]);
    return add(type('layer.v1.tar+zstd'), content);
  });
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  const configuration = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }));
  const config = add(type('config.v1+json'), configuration);
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: type('manifest.v1+json'), config, layers }),
  );
  const manifests = [add(type('manifest.v1+json'), manifest)];
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return layout;
}

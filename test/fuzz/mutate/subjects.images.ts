/** What registries say of images: indexes, manifests, configurations, and what hangs on them. */
import { readFile } from 'node:fs/promises';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { chooseManifest, readConfig, readManifest } from '../../../src/stages/image/foreign-image.ts';
import { readManifest as readAttached } from '../../../src/stages/sign/artifact.ts';
import { mutateJson } from './json.ts';
import type { Subject } from './subject.ts';

const refusals = ['BASE_INVALID'] as const;

const blob = (name: string) => ({ digest: sha256Of(Buffer.from(name)), size: 1000 });
const manifest = {
  schemaVersion: 2,
  mediaType: manifestType,
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...blob('config') },
  layers: [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...blob('one'), annotations: { a: 'b' } },
    { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', ...blob('two') },
  ],
  annotations: { 'org.opencontainers.image.created': '2026-01-01T00:00:00Z' },
};
const index = {
  schemaVersion: 2,
  mediaType: indexType,
  manifests: ['amd64', 'arm64'].map((architecture) => ({
    mediaType: manifestType,
    ...blob(architecture),
    platform: { architecture, os: 'linux' },
  })),
};
const config = {
  architecture: 'amd64',
  os: 'linux',
  created: '2026-01-01T00:00:00Z',
  config: {
    Entrypoint: ['/bin/app'],
    Cmd: null,
    Env: ['PATH=/bin', 'A=b=c', 'EMPTY'],
    User: '',
    WorkingDir: '/',
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/data': {} },
    StopSignal: 'SIGTERM',
    Labels: { a: 'b' },
  },
  rootfs: { type: 'layers', diff_ids: [blob('a').digest, blob('b').digest] },
  history: [{ created_by: 'one' }, { created_by: 'none', empty_layer: true }, { created_by: 'two' }],
};
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const sound = readManifest('base', manifestType, bytesOf(manifest));

const json = (value: unknown): Subject['mutate'] => {
  return (_originals, random) => ({ ending: '.json', bytes: mutateJson(value, random) });
};

export const imageSubjects: Record<string, Subject> = {
  'image index': {
    refusals,
    mutate: json(index),
    read: async (path) => void chooseManifest('base', indexType, await readFile(path), 'x86_64'),
  },
  'image manifest': {
    refusals,
    mutate: json(manifest),
    read: async (path) => {
      const read = readManifest('base', manifestType, await readFile(path));
      if (read.layers.length === 2) readConfig('base', read, bytesOf(config), 'x86_64');
    },
  },
  'image configuration': {
    refusals,
    mutate: json(config),
    read: async (path) => void readConfig('base', sound, await readFile(path), 'x86_64'),
  },
  'attached manifest': {
    refusals: ['IMAGE_ALTERED'],
    mutate: json(manifest),
    read: async (path) => void readAttached(await readFile(path), 'sha256-0.sig'),
  },
};

/** The schema of recipes; recipe.schema.json is generated from it for editors. */
import { z } from 'zod';
import { backendNames } from '../../lib/container/backend-names.ts';
import { canonicalSignal } from '../../lib/container/stop-signal.ts';
import { arches } from '../../lib/host/arch.ts';

export const imageName = z
  .string()
  .regex(
    /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
    'a name of lower-case letters and digits, with single . _ - between them',
  );
const name = imageName.refine((text) => !text.endsWith('.stack'), {
  error: 'an ending of .stack means a stack of images',
});
export const absolutePath = z
  .string()
  .regex(/^(?!.*\/\.\.?(?:\/|$))\/[^\0]+$/, 'an absolute path without . and .. components');
const duration = z.string().regex(/^\d+(?:ms|s|m|h)$/, 'a number and a unit, such as 60s');
const unitName = z.string().regex(/^[A-Za-z0-9@:_.\\-]+$/, 'the name of a systemd unit');

/** The release becomes part of paths and URLs. */
const release = z
  .union([z.int(), z.string().regex(/^(?!\.\.?$)[^/\0]+$/, 'a word without slashes, such as 43')])
  .transform(String);

/** A file of OpenPGP keys: all of them are trusted, or the one with the fingerprint. */
const trustedKey = z.strictObject({
  /** Trusted only by recipes of this release; without it by all. */
  release: release.optional(),
  file: z.string().min(1),
  fingerprint: z
    .string()
    .regex(
      /^(?:[0-9a-fA-F]\s*){40}(?:(?:[0-9a-fA-F]\s*){24})?$/,
      'the full fingerprint of a primary key: 40 or 64 digits',
    )
    .transform((text) => text.replaceAll(/\s/g, '').toUpperCase())
    .optional(),
});
const keyFile = z
  .string()
  .min(1)
  .transform((file): z.output<typeof trustedKey> => ({ file }));

const place = z.string().min(1);

const repository = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9._-]+$/, 'a word of letters, digits and . _ -'),
    baseurl: z.union([place, z.array(place).min(1)]).optional(),
    metalink: z.url().optional(),
    mirrorlist: z.url().optional(),
    timeout: duration.optional(),
    minRate: z.int().min(0).optional(),
    sslCaCert: z.string().min(1).optional(),
    sslClientCert: z.string().min(1).optional(),
    sslClientKey: z.string().min(1).optional(),
    keys: z.array(z.union([keyFile, trustedKey])).default([]),
    exclude: z.array(z.string().min(1)).default([]),
    include: z.array(z.string().min(1)).default([]),
    moduleHotfixes: z.boolean().default(false),
    gpgcheck: z.boolean().default(true),
    repoGpgcheck: z.boolean().default(false),
    priority: z.int().min(1).max(99).default(99),
    cost: z.int().min(0).max(1_000_000).default(1000),
  })
  .refine((r) => [r.baseurl, r.metalink, r.mirrorlist].flat().every((url = '') => !/\/\/[^/]*@/.test(url)), {
    error:
      'a URL of it has a user or password in it: give them in MILLINER_REPO_NAME_USERNAME and MILLINER_REPO_NAME_PASSWORD, with MILLINER_REPO_NAME_URL, or in a netrc file',
  })
  .refine((r) => [r.baseurl, r.metalink, r.mirrorlist].filter((url) => url !== undefined).length === 1, {
    error: 'give exactly one of baseurl, metalink, mirrorlist',
  })
  .refine((r) => !r.gpgcheck || r.keys.length > 0, {
    error: 'name the key files that sign its packages, or say gpgcheck: false',
    path: ['keys'],
  })
  .refine((r) => !r.repoGpgcheck || r.keys.length > 0, {
    error: 'name the key files that sign its metadata',
    path: ['keys'],
  })
  .refine((r) => r.sslClientKey === undefined || r.sslClientCert !== undefined, {
    error: 'name the certificate of this key: sslClientCert',
    path: ['sslClientKey'],
  });

export const octalMode = z.string().regex(/^[0-7]{3,4}$/, 'an octal mode in quotes, such as "0644"');
export const owner = z
  .string()
  .regex(/^[^:\s]+:[^:\s]+$/, 'USER:GROUP')
  .default('root:root');

const file = z
  .strictObject({
    path: absolutePath,
    template: z.string().min(1).optional(),
    content: z.string().optional(),
    mode: octalMode.default('0644'),
    owner,
  })
  .refine((f) => (f.template === undefined) !== (f.content === undefined), {
    error: 'give either template or content',
  });

const directory = z.strictObject({ path: absolutePath, mode: octalMode.default('0755'), owner });
/** symlink(2) accepts no longer target. Whether the target exists is not checked. */
const symbolicLink = z.strictObject({
  path: absolutePath,
  target: z.string().regex(/^[^\0]{1,4095}$/, 'what the link leads to'),
  owner,
});

const tools = z.union([z.literal('host'), z.strictObject({ packages: z.array(z.string().min(1)).min(1) })]);

/** Timeout and interval of a check; without a timeout it may take the rest of the time to become ready. */
export const tries = { timeout: duration.optional(), interval: duration.default('500ms') };
export const byteSize = z.string().regex(/^\d+[KMG]?$/, 'a number of bytes, or with K, M or G behind it');

const byteRate = z
  .string()
  .regex(/^[1-9]\d*[KMG]?$/, 'a number of bytes in a second, or with K, M or G behind it');

const check = z.union([
  z.strictObject({ exec: z.array(z.string()).min(1), ...tries }),
  z.strictObject({ tcp: z.int().min(1).max(65535), ...tries }),
  z.strictObject({
    http: z.url({ protocol: /^http$/, error: 'an http URL as the instance itself would ask for it' }),
    status: z.int().min(100).max(599).default(200),
    ...tries,
  }),
]);

/** Limits of an instance, also if the recipe sets none: a test boot must not harm its host. */
export const limits = z.strictObject({
  cpus: z.number().min(0.01).max(1024).optional(),
  /** Its share beside others where there are too few processors for all: 100 is what each has by default. */
  cpuWeight: z.int().min(1).max(10_000).optional(),
  memory: byteSize.default('2G'),
  /** Beside the memory; none by default. */
  swap: byteSize.optional(),
  pids: z.int().positive().default(2048),
  disk: byteSize.default('4G'),
  /** Bytes that its disk reads and writes in a second. */
  io: z.strictObject({ read: byteRate.optional(), write: byteRate.optional() }).optional(),
  /** In each direction, whatever the protocol. */
  bandwidth: z
    .string()
    .regex(/^[1-9]\d*(?:kbit|mbit|gbit)$/, 'a number and kbit, mbit or gbit')
    .optional(),
});

const hostName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
    'a host name in lower case, or an IPv4 address',
  );
/** What an instance may reach outside, by TCP and UDP. */
const destination = z.strictObject({ host: hostName, port: z.int().min(1).max(65535) });

const ready = z
  .strictObject({
    unit: unitName.optional(),
    notify: z.boolean().optional(),
    exit: z.int().min(0).max(255).optional(),
    timeout: duration.default('60s'),
  })
  .refine(({ unit, notify, exit }) => [unit, notify, exit].filter((one) => one !== undefined).length <= 1, {
    error: 'give one of unit, notify, exit',
  });

/** Bounds the time that an image which never boots takes from a night. */
export const maxRetries = 5;

/** What of a boot is compared with the last good one. */
export const comparedKinds = ['units', 'ports', 'setuid', 'memory', 'time', 'journal'] as const;
export type ComparedKind = (typeof comparedKinds)[number];

const compareRule = z.strictObject({
  /** What fails the boot where it became worse. */
  fatal: z.array(z.enum(comparedKinds)).default([]),
  /** What may have become worse: `tcp 8080`, `/usr/bin/su`, `memory`. */
  accept: z.array(z.string().min(1).max(4096)).max(1000).default([]),
});
export type CompareRule = z.output<typeof compareRule>;

export const testSchema = z
  .strictObject({
    init: z.boolean().optional(),
    /** What isolates its instances. */
    backend: z.enum(['auto', ...backendNames]).optional(),
    limits: limits.prefault({}),
    /** none: its loopback device alone, unless something needs a link. private: a link. egress: a way out as well. */
    network: z.enum(['none', 'private', 'egress']).optional(),
    egress: z.array(destination).min(1).max(100).optional(),
    ready: ready.prefault({}),
    checks: z.array(check).default([]),
    settle: duration.default('5s'),
    stop: z.strictObject({ timeout: duration.default('30s') }).prefault({}),
    allow: z.strictObject({ units: z.array(unitName).default([]) }).prefault({}),
    instances: z.int().min(1).max(100).default(1),
    /** How often a failed boot is repeated, on a fresh tree; 0 where it is absent, as in records of older builds. */
    retries: z.int().min(0).max(maxRetries).optional(),
    /** Absent where nothing is fatal. */
    compare: compareRule.optional(),
  })
  .refine(({ init, ready: { unit } }) => init !== false || unit === undefined, {
    error: 'without init there are no units',
    path: ['ready', 'unit'],
  })
  .refine(({ network, egress }) => (network === 'egress') === (egress !== undefined), {
    error: 'network: egress and a list of what may be reached (egress) need each other',
    path: ['egress'],
  })
  .refine(({ ready: { exit }, checks }) => exit === undefined || checks.length === 0, {
    error: 'an instance that runs to its end has nothing left to check',
    path: ['checks'],
  });

/** The base of an image: another recipe, an image of another builder, or a whole file system. */
const from = z.union(
  [
    name,
    z
      .strictObject({
        image: z.string().min(1),
        keys: z.array(z.string().min(1)).default([]),
        unsigned: z.boolean().default(false),
        unnamed: z.boolean().default(false),
        expired: z.boolean().default(false),
      })
      .refine(({ keys, unsigned }) => keys.length > 0 !== unsigned, {
        error: 'name the key files of which one must have signed it, or say unsigned: true',
        path: ['keys'],
      })
      .refine(({ keys, unnamed }) => keys.length > 0 || !unnamed, {
        error: 'only a signature can name no reference: name the keys of it',
        path: ['unnamed'],
      }),
    z.strictObject({ tar: z.string().min(1) }),
    z.strictObject({ directory: z.string().min(1) }),
  ],
  {
    error:
      'the name of a recipe beside this one, or one of {image: HOST/REPOSITORY:TAG, keys: [FILE]}, {tar: FILE}, {directory: DIRECTORY}',
  },
);

const exposedPort = z
  .string()
  .regex(/^\d+\/(?:tcp|udp)$/, 'a port and its protocol, such as 3306/tcp')
  .refine((text) => Number.parseInt(text, 10) >= 1 && Number.parseInt(text, 10) <= 65_535, {
    error: 'there is no such port: ports are 1 to 65535',
  });

export const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  name,
  from: from.optional(),
  release: release.optional(),
  arches: z.array(z.enum(arches)).min(1).optional(),
  repos: z.array(z.union([z.string().min(1), repository])).default([]),
  packages: z.array(z.string().min(1)).default([]),
  exclude: z.array(z.string().min(1)).default([]),
  modules: z
    .array(
      z.string().regex(/^[A-Za-z0-9._+-]+:[A-Za-z0-9._+-]+$/, 'a module and its stream, such as nodejs:18'),
    )
    .optional(),
  pins: z.record(z.string().min(1), z.string().min(1)).optional(),
  weakDeps: z.boolean().default(false),
  tools: tools.default({ packages: ['rpm'] }),
  docs: z.boolean().default(true),
  languages: z.array(z.string().regex(/^[A-Za-z0-9_@.-]+$/, 'a language, such as en_US')).optional(),
  directories: z.array(directory).default([]),
  symlinks: z.array(symbolicLink).default([]),
  files: z.array(file).default([]),
  values: z.record(z.string(), z.unknown()).default({}),
  services: z
    .strictObject({ enable: z.array(unitName).default([]), disable: z.array(unitName).default([]) })
    .prefault({}),
  install: z
    .strictObject({
      timeout: duration.default('1h'),
      memory: byteSize.default('4G'),
      /** Bytes that packages and their scriptlets may add to the base; see disk-bound.ts for the default. */
      disk: byteSize.optional(),
    })
    .prefault({}),
  allow: z
    .strictObject({
      scriptlets: z
        .array(z.string().regex(/^%\w+\(.+\)$/, 'a scriptlet and its package, such as %post(NAME)'))
        .default([]),
      owners: z.array(z.string().min(1)).default([]),
      unsigned: z.array(z.string().min(1)).default([]),
      replace: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
  config: z
    .strictObject({
      entrypoint: z.array(z.string()).optional(),
      cmd: z.array(z.string()).optional(),
      env: z
        .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable'), z.string())
        .default({}),
      user: z.string().optional(),
      workingDir: absolutePath.optional(),
      exposedPorts: z.array(exposedPort).default([]),
      volumes: z.array(absolutePath).default([]),
      stopSignal: z
        .string()
        .refine((text) => canonicalSignal(text) !== undefined, {
          error: 'there is no such signal: SIGTERM and SIGRTMIN+3 are some',
        })
        .optional(),
      labels: z.record(z.string().min(1), z.string()).default({}),
    })
    .prefault({}),
  layers: z
    .strictObject({
      max: z.int().min(4).max(64).optional(),
      compression: z.enum(['zstd', 'zstd:chunked', 'gzip']).default('zstd'),
      level: z.int().min(1).max(19).optional(),
    })
    .refine(({ compression, level = 1 }) => compression !== 'gzip' || level <= 9, {
      error: 'gzip has the levels 1 to 9',
      path: ['level'],
    })
    .prefault({}),
  test: testSchema.optional(),
  publish: z
    .strictObject({ to: z.array(z.string().min(1)).min(1), tags: z.array(z.string().min(1)).min(1) })
    .optional(),
});

export const repositoriesSchema = z.strictObject({ repos: z.array(repository) });

/** How to boot and check an image. */
export type TestPlan = z.output<typeof testSchema>;
export type Repository = z.output<typeof repository> & {
  /** Set if a directory was given relative to the recipe: its links must not leave this root. */
  root?: string;
};
export type Recipe = Omit<z.output<typeof recipeSchema>, 'repos'> & { repos: Repository[] };

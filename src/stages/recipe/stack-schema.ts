/** The schema of stacks (NAME.stack.yaml); stack.schema.json is generated from it for editors. */
import { z } from 'zod';
import { absolutePath, byteSize, imageName, limits, octalMode, owner, tries } from './schema.ts';

export const maxServices = 32;
/** Of all services together. */
export const maxInstances = 100;
const maxHanded = 64;
const maxValueLength = 64 * 1024;

/** Services find each other by it: a label of a domain name (RFC 1123). */
export const serviceName = z
  .string()
  .regex(/^(?!localhost$)[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'a label of a domain name, such as database');
/** Of a volume or a secret. It becomes the name of a file. */
const word = z
  .string()
  .regex(/^[a-z](?:[a-z0-9_-]{0,62}[a-z0-9])?$/, 'a word of lower-case letters, digits, - and _');

const port = z.int().min(1).max(65_535);
const target = z
  .string()
  .regex(/^[a-z][a-z0-9-]*:[1-9]\d{0,4}$/, 'a service and its port, such as database:3306')
  .refine((text) => Number(text.split(':')[1]) <= 65_535, {
    error: 'there is no such port: ports are 1 to 65535',
  });

/** What a service reads; who may read it is said as for the files of a recipe. */
const placedFile = { owner, mode: octalMode };
const value = z.union([
  z
    .string()
    .max(maxValueLength)
    .transform((content) => ({ content, owner: 'root:root', mode: '0444' })),
  z.strictObject({
    ...placedFile,
    content: z.string().max(maxValueLength),
    mode: octalMode.default('0444'),
  }),
]);
const secretPlace = z.union([
  absolutePath.transform((path) => ({ path, owner: 'root:root', mode: '0400' })),
  z.strictObject({ ...placedFile, path: absolutePath, mode: octalMode.default('0400') }),
]);
const volumePlace = z.union([
  absolutePath.transform((path) => ({ path, readonly: false })),
  z.strictObject({ path: absolutePath, readonly: z.boolean().default(false) }),
]);

const publishedPort = z.union([
  port.transform((one) => ({ port: one, publish: 0, address: '127.0.0.1' })),
  z.strictObject({
    port,
    /** Of the host; 0 for any that is free. */
    publish: z.int().min(0).max(65_535).default(0),
    address: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
  }),
]);

/** Defaults stay those of the image's recipe: what a service does not say is not changed. */
const limitsOfService = z.strictObject(
  Object.fromEntries(
    Object.entries(limits.shape).map(([key, field]) => [
      key,
      (field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : field).optional(),
    ]),
  ) as unknown as {
    [Key in keyof typeof limits.shape]: z.ZodOptional<z.ZodType<z.output<typeof limits>[Key]>>;
  },
);

/** What a stack says of a service besides its image. */
export const serviceFields = {
  after: z.array(serviceName).max(maxServices).default([]),
  values: z
    .record(absolutePath, value)
    .refine((values) => Object.keys(values).length <= maxHanded, { error: `more than ${maxHanded}` })
    .default({}),
  secrets: z.record(word, secretPlace).default({}),
  volumes: z.record(word, volumePlace).default({}),
  ports: z.array(publishedPort).max(maxHanded).default([]),
  instances: z.int().min(1).max(maxInstances).default(1),
};

const service = z.strictObject({
  /** The name of a recipe, the digest of an image of the state, or a reference to an image of others. */
  image: z.union([
    z.string().min(1).max(1024),
    z
      .strictObject({
        reference: z.string().min(1).max(1024),
        keys: z.array(z.string().min(1)).max(16).default([]),
        unsigned: z.boolean().default(false),
      })
      .refine(({ keys, unsigned }) => keys.length > 0 !== unsigned, {
        error: 'name the key files of which one must have signed it, or say unsigned: true',
        path: ['keys'],
      }),
  ]),
  limits: limitsOfService.prefault({}),
  ...serviceFields,
});

export const crossingCheck = z.union([
  z.strictObject({ from: serviceName, exec: z.array(z.string()).min(1).max(256), ...tries }),
  z.strictObject({ from: serviceName, tcp: target, ...tries }),
  z.strictObject({
    from: serviceName,
    http: z.url({ protocol: /^http$/, error: 'an http URL of another service' }),
    status: z.int().min(100).max(599).default(200),
    ...tries,
  }),
]);

const volumeFields = z.strictObject({ size: byteSize.default('4G') });

const secret = z.union([
  /** So many random characters, the same for each run of the stack in one state. */
  z.strictObject({ generate: z.int().min(16).max(256) }),
  /** A file of the operator's, which only its owner may read. */
  z.strictObject({ file: z.string().min(1).max(4096) }),
]);

export const stackSchema = z.strictObject({
  $schema: z.string().optional(),
  name: imageName.max(64),
  services: z.record(serviceName, service),
  volumes: z.record(word, volumeFields).default({}),
  secrets: z.record(word, secret).default({}),
  checks: z.array(crossingCheck).max(100).default([]),
  /** How often a failed boot is repeated; 0 where it is absent. */
  retries: z.int().min(0).max(5).optional(),
  publish: z
    .strictObject({
      to: z.array(z.string().min(1)).min(1).max(32),
      tags: z.array(z.string().min(1)).min(1).max(32),
    })
    .optional(),
});

export type Stack = z.output<typeof stackSchema>;
export type StackService = Stack['services'][string];
export type CrossingCheck = z.output<typeof crossingCheck>;

/** GitHub's own description of its API (OpenAPI 3.0): which requests there are, and what they and their answers hold. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv, type ValidateFunction } from 'ajv';
import * as formats from 'ajv-formats';

type Schema = Record<string, unknown>;
interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
  'x-multi-segment'?: boolean;
}
interface Content {
  schema?: Schema;
  examples?: Record<string, { $ref?: string; value?: unknown }>;
}
interface Body {
  required?: boolean;
  content?: Record<string, Content>;
}
interface Operation {
  operationId: string;
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: Body;
  responses: Record<string, Body | { $ref: string }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

export interface Route {
  operation: Operation;
  template: string;
  params: Record<string, string>;
}

const file = createRequire(import.meta.url).resolve('@octokit/openapi/generated/api.github.com.json');
/** Other stand-ins of the same process read the same. */
let shared: Description | undefined;

export class Description {
  readonly #document: Document;
  readonly #ajv = new Ajv({ strict: false, allErrors: true, logger: false, coerceTypes: false });
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #patterns: { pattern: RegExp; names: string[]; template: string }[];

  static open(): Description {
    return (shared ??= new Description());
  }

  private constructor() {
    this.#document = JSON.parse(readFileSync(file, 'utf8')) as Document;
    formats.default.default(this.#ajv);
    this.#patterns = Object.entries(this.#document.paths).map(([template, operations]) =>
      patternOf(template, this.#longNames(operations)),
    );
  }

  /** The operation that a request is of; of several templates the one with more text of its own. */
  find(method: string, pathname: string): Route | undefined {
    const found = this.#patterns.flatMap(({ pattern, names, template }) => {
      const match = pattern.exec(pathname);
      const operation = this.#document.paths[template]![method.toLowerCase()];
      if (!match || !operation) return [];
      const values = match.slice(1).map((value) => decodeURIComponent(value));
      const params = Object.fromEntries(names.map((name, index) => [name, values[index]!]));
      return [{ operation, template, params }];
    });
    const textOf = ({ template }: Route) => template.replaceAll(/\{[^}]+\}/g, '').length;
    return found.toSorted((a, b) => textOf(b) - textOf(a))[0];
  }

  /** What is wrong with a request, in words; nothing if it is one that the description allows. */
  requestFaults({ operation, params }: Route, query: URLSearchParams, body: unknown): string[] {
    const known = this.#parameters(operation);
    const faults: string[] = [];
    for (const { name, in: place, required, schema } of known) {
      const text = place === 'path' ? params[name] : place === 'query' ? query.get(name) : undefined;
      if (text === undefined || text === null) {
        if (required === true && place !== 'header') faults.push(`${place} ${name} is missing`);
      } else faults.push(...this.#faults(`${operation.operationId} ${name}`, schema, typed(text, schema)));
    }
    for (const name of query.keys()) if (!isAmong(known, name)) faults.push(`query ${name} is not described`);
    return [...faults, ...this.#bodyFaults(operation, body)];
  }

  #bodyFaults({ operationId, requestBody }: Operation, body: unknown): string[] {
    const schema = requestBody?.content?.['application/json']?.schema;
    if (!schema) return body === undefined || requestBody?.content ? [] : [`${operationId} takes no body`];
    if (body === undefined) return requestBody?.required === true ? ['the body is missing'] : [];
    const properties = schema['properties'] as Record<string, unknown> | undefined;
    const strange = Object.keys(body as object).filter((key) => properties && !(key in properties));
    return [
      ...strange.map((key) => `body ${key} is not described`),
      ...this.#faults(`${operationId} body`, schema, body),
    ];
  }

  /** What is wrong with an answer of the stand-in itself. */
  answerFaults({ operation }: Route, status: number, body: unknown): string[] {
    const described = operation.responses[String(status)];
    if (!described) return [`${operation.operationId} does not answer ${status}`];
    const response = this.#resolve<Body>(described);
    const schema = Object.values(response.content ?? {})[0]?.schema;
    if (!schema) return body === undefined ? [] : [`${status} has no body`];
    return this.#faults(`${operation.operationId} ${status}`, schema, body);
  }

  /** A copy of the description's first example of a schema, for an answer to be made from. */
  example(name: string): Record<string, unknown> {
    const example = this.#document.components['examples']![name] as { value: object } | undefined;
    if (!example) throw new Error(`no example ${name}`);
    return structuredClone(example.value) as Record<string, unknown>;
  }

  /** Only some parameters may hold a slash. */
  #longNames(operations: Record<string, Operation>): Set<string> {
    const all = Object.values(operations).flatMap((one) => this.#parameters(one));
    return new Set(all.filter((one) => one['x-multi-segment'] === true).map(({ name }) => name));
  }

  #parameters({ parameters = [] }: Operation): Parameter[] {
    return parameters.map((one) => this.#resolve<Parameter>(one));
  }

  #resolve<T extends object>(one: T | { $ref: string }): T {
    if (!('$ref' in one)) return one;
    const [, kind, name] = /^#\/components\/(\w+)\/(.+)$/.exec(one.$ref)!;
    return this.#document.components[kind!]![name!] as T;
  }

  #faults(name: string, schema: Schema, value: unknown): string[] {
    const validate = this.#validators.get(name) ?? this.#ajv.compile(this.#convert(schema));
    this.#validators.set(name, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, 5).map((one) => `${name}${one.instancePath} ${one.message}`);
  }

  /** As JSON Schema: OpenAPI 3.0 has `nullable` in place of the type null. */
  #convert(schema: unknown): Schema {
    return this.#converted(schema) as Schema;
  }

  #converted(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.#converted(one));
    if (schema === null || typeof schema !== 'object') return schema;
    const { $ref, nullable, example: _example, ...rest } = schema as Schema;
    if (typeof $ref === 'string') return { $ref: this.#register($ref) };
    const plain = Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, this.#converted(one)]));
    return nullable === true ? { anyOf: [{ type: 'null' }, plain] } : plain;
  }

  #register(reference: string): string {
    const name = reference.split('/').at(-1)!;
    if (this.#registered.has(name)) return name;
    this.#registered.add(name);
    this.#ajv.addSchema(this.#convert(this.#document.components['schemas']![name]), name);
    return name;
  }

  readonly #registered = new Set<string>();
}

const isAmong = (parameters: readonly Parameter[], name: string) =>
  parameters.some((one) => one.name === name);

function patternOf(template: string, longNames: ReadonlySet<string>) {
  const names: string[] = [];
  const source = template.split(/(\{[^}]+\})/).map((text) => {
    if (!text.startsWith('{')) return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    const name = text.slice(1, -1);
    names.push(name);
    return longNames.has(name) ? '(.+)' : '([^/]+)';
  });
  return { pattern: new RegExp(`^${source.join('')}$`), names, template };
}

function typed(text: string, schema: Schema): unknown {
  if (schema['type'] === 'integer' || schema['type'] === 'number') return Number(text);
  if (schema['type'] === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

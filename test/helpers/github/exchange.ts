/** A request to the stand-in as its routes see it, and how they answer. */
import type { Description } from './description.ts';
import type { RepositoryState } from './repository-state.ts';

export interface Caller {
  kind: 'classic' | 'fine' | 'installation' | 'app' | 'none';
  login: string;
  scopes?: readonly string[];
  permissions?: Readonly<Record<string, string>>;
}

interface ApiRequest {
  params: Record<string, string>;
  query: URLSearchParams;
  body: Record<string, unknown>;
  raw: Buffer;
  contentType: string;
  caller: Caller;
  description: Description;
}

export interface ApiAnswer {
  status: number;
  body?: unknown;
}

/** What a token needs for a route: a permission, and of which kind. */
export type Needs = [permission: string, access: 'read' | 'write'];

export interface ApiRoute {
  route: string;
  needs?: Needs;
  /** Does as well. */
  orNeeds?: Needs;
  handle: (request: ApiRequest, state: RepositoryState) => ApiAnswer;
}

export class Refusal extends Error {
  readonly status: number;
  readonly errors: object[] | undefined;

  constructor(status: number, message: string, errors?: object[]) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

export const notFound = () => new Refusal(404, 'Not Found');
export const invalid = (resource: string, field: string, message: string, code = 'custom') =>
  new Refusal(422, 'Validation Failed', [{ resource, field, message, code }]);

/** One page of a list, as `page` and `per_page` ask. */
export function pageOf<T>(items: readonly T[], query: URLSearchParams): T[] {
  const [size, page] = [Number(query.get('per_page') ?? 30), Number(query.get('page') ?? 1)];
  return items.slice((page - 1) * size, page * size);
}

export const text = (value: unknown, fallback = ''): string => (typeof value === 'string' ? value : fallback);

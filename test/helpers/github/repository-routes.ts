/** The repository itself, the App that acts on it, and the limits of the caller. */
import { notFound, type ApiRoute, type Caller } from './exchange.ts';

const at = '/repos/{owner}/{repo}';

/** What a caller may do, as the repository says it. */
const rightsOf = ({ kind, scopes = [], permissions = {} }: Caller) => {
  const canPush = kind === 'classic' ? scopes.includes('repo') : permissions['contents'] === 'write';
  return { admin: false, maintain: false, push: canPush, triage: canPush, pull: true };
};

/** The tokens that the stand-in hands out, and for how long. */
export interface Installation {
  id: number;
  permissions: Record<string, string>;
  newToken: () => string;
}

export const repositoryRoutes = (installation: Installation): ApiRoute[] => [
  {
    route: `GET ${at}`,
    needs: ['metadata', 'read'],
    handle: ({ description, caller }, { owner, name, defaultBranch }) => {
      // The example lacks what its own schema demands, in itself and in the repositories that it names.
      const {
        source: _source,
        parent: _parent,
        template_repository: _template,
        ...body
      } = {
        language: null,
        ...description.example('full-repository-default-response'),
      } as Record<string, unknown>;
      const login = { ...(body['owner'] as object), login: owner };
      const permissions = rightsOf(caller);
      const fields = { name, full_name: `${owner}/${name}`, owner: login, default_branch: defaultBranch };
      return { status: 200, body: { ...body, ...fields, permissions, allow_auto_merge: true } };
    },
  },
  {
    route: `GET ${at}/installation`,
    handle: ({ description, caller }) => {
      if (caller.kind !== 'app') throw notFound();
      const { id, permissions } = installation;
      return { status: 200, body: { ...description.example('installation'), id, permissions } };
    },
  },
  {
    route: 'POST /app/installations/{installation_id}/access_tokens',
    handle: ({ params, caller }) => {
      const { id, permissions, newToken } = installation;
      if (caller.kind !== 'app' || Number(params['installation_id']) !== id) throw notFound();
      const expires = new Date(Date.now() + 3_600_000).toISOString();
      return { status: 201, body: { token: newToken(), expires_at: expires, permissions } };
    },
  },
  {
    route: 'GET /rate_limit',
    handle: ({ description }) => ({ status: 200, body: description.example('rate-limit-overview') }),
  },
];

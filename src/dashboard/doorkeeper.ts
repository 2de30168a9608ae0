/** Who may read and who may change something: a session stands for the token. */
import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Access } from './queue-page.ts';
import { RequestBudget } from './request-budget.ts';
import type { Sessions } from './sessions.ts';

export interface AccessRules {
  /** Absent without a token: then only reading is possible. */
  sessions: Sessions | undefined;
  /** Whether the connection is TLS. */
  secure: boolean;
  /** Whether reading needs a session too: where others on the network get there. */
  isClosed: boolean;
}

/** Tokens that an address may try at once, and then in each second. */
const attempts = { burst: 5, perSecond: 0.1 };
const name = 'milliner-session';

export class Doorkeeper {
  readonly #rules: AccessRules;
  readonly #attempts = new RequestBudget(attempts.burst, attempts.perSecond);

  constructor(rules: AccessRules) {
    this.#rules = rules;
  }

  accessOf(context: Context): Access {
    const { sessions } = this.#rules;
    if (!sessions) return 'read';
    return sessions.has(this.#sessionOf(context)) ? 'write' : 'sign in';
  }

  /** Lets readers in, or sends them to the form. */
  reading(): MiddlewareHandler {
    return async (context, next) => {
      if (!this.#rules.isClosed || this.accessOf(context) !== 'sign in') return next();
      const isPage = (context.req.header('accept') ?? '').includes('text/html');
      return isPage ? context.redirect('/queue/sign-in', 303) : context.text('sign in first\n', 401);
    };
  }

  /** Lets those in who have a session and sent the form from a page of this server. */
  writing(): MiddlewareHandler {
    return async (context, next) => {
      if (!isSameOrigin(context)) return context.text('sent by a page of another origin\n', 403);
      return this.accessOf(context) === 'write' ? next() : context.text('sign in first\n', 403);
    };
  }

  /** Whether the token was right. Undefined: this address has tried too many. */
  signIn(context: Context, token: string, address: string): boolean | undefined {
    const { sessions, secure } = this.#rules;
    if (!this.#attempts.take(address)) return undefined;
    const id = sessions?.open(token);
    if (id === undefined) return false;
    const prefix = secure ? ({ prefix: 'host' } as const) : {};
    setCookie(context, name, id, { httpOnly: true, sameSite: 'Strict', path: '/', secure, ...prefix });
    return true;
  }

  signOut(context: Context): void {
    const id = this.#sessionOf(context);
    if (id !== undefined) this.#rules.sessions?.close(id);
    deleteCookie(context, this.#rules.secure ? `__Host-${name}` : name, {
      path: '/',
      secure: this.#rules.secure,
    });
  }

  #sessionOf(context: Context): string | undefined {
    return this.#rules.secure ? getCookie(context, name, 'host') : getCookie(context, name);
  }
}

/**
 * A stranger's page can send a form with our cookie (CSRF). Browsers say in Sec-Fetch-Site where a form comes from; in
 * Origin too, which is `null` because our pages send no referrer. A request that has neither is of no browser.
 */
export function isSameOrigin({ req }: Context): boolean {
  const [site, origin] = [req.header('sec-fetch-site'), req.header('origin')];
  if (site !== undefined && site !== 'same-origin') return false;
  if (origin === undefined || origin === 'null') return site === 'same-origin';
  return URL.canParse(origin) && new URL(origin).host === req.header('host')?.toLowerCase();
}

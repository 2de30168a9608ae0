/** Takes secrets out of texts: a server may echo what it was sent, and its text reaches errors and logs. */

const masked = '***';
/** GitHub's tokens of every kind, and JSON Web Tokens, also where this process has never seen them. */
const tokenForms =
  /\b(?:gh[a-z]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})|\b(?:bearer|token)\s+[\w.~+/-]{20,}=*/gi;
/** Shorter ones would take words out of texts. */
const minSecretLength = 8;

export class SecretMask {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    if (secret.length < minSecretLength) return;
    this.#secrets.add(secret);
    this.#secrets.add(Buffer.from(secret).toString('base64'));
    this.#secrets.add(encodeURIComponent(secret));
  }

  /** For what a server has sent: only the secrets that it was sent. */
  hide(text: string): string {
    return [...this.#secrets].reduce((rest, secret) => rest.replaceAll(secret, masked), text);
  }

  /** For errors and logs: also what has the form of a token. */
  mask(text: string): string {
    return this.hide(text).replaceAll(tokenForms, masked);
  }
}

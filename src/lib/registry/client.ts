/** A registry as the pipeline sees it: the whole protocol behind one object, with the credentials of one account. */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { BlobSource } from './blob-source.ts';
import { getBlob, hasBlob, streamBlob } from './blobs.ts';
import type { ReadBudget } from './budget.ts';
import { findCredentials } from './credentials.ts';
import { findEndpoint, type EndpointOptions } from './endpoint.ts';
import { findManifest, getManifest, headManifest, putManifest, type Manifest } from './manifests.ts';
import { addReferrers, referrers, type Referrer } from './referrers.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { pushBlob, type Pushed, type PushOptions } from './upload.ts';

/**
 * Every method throws REGISTRY_UNAVAILABLE where the registry fails for long, REGISTRY_DENIED, REGISTRY_INVALID
 * where it breaks the protocol or a digest, REGISTRY_EXCESS, REGISTRY_INSECURE, INTERRUPTED.
 */
export class RegistryClient {
  readonly #transport: Transport;

  constructor(options: TransportOptions | Transport) {
    this.#transport = options instanceof Transport ? options : new Transport(options);
  }

  /** With the credentials that this host keeps for the repository. Throws CREDENTIALS_INVALID, INTERRUPTED. */
  static async open(
    options: Omit<TransportOptions, 'credentials' | 'endpoint'> & EndpointOptions & { repository: string },
  ): Promise<RegistryClient> {
    const { registry, repository, environment, signal } = options;
    const credentials = await findCredentials(registry, repository, environment, signal);
    const endpoint = await findEndpoint(registry, options);
    return new RegistryClient({ ...options, endpoint, credentials });
  }

  /** The same registry and account, for work that another signal stops. */
  under(signal: AbortSignal): RegistryClient {
    return new RegistryClient(this.#transport.with({ signal }));
  }

  /** The same, with so many attempts at what fails in passing. */
  trying(attempts: number): RegistryClient {
    return new RegistryClient(this.#transport.with({ attempts }));
  }

  /** The same, for an operation of its own. */
  within(budget: ReadBudget): RegistryClient {
    return new RegistryClient(this.#transport.with({ budget }));
  }

  get registry(): string {
    return this.#transport.registry;
  }

  /** Whether there is a registry at all. */
  ping(): Promise<void> {
    return this.#transport.ping();
  }

  /** By tag or digest; undefined where there is none. Its bytes have its digest; more than maxBytes are REGISTRY_INVALID. */
  getManifest(repository: string, reference: string, maxBytes?: number): Promise<Manifest | undefined> {
    return getManifest(this.#transport, repository, reference, maxBytes);
  }

  /** The same for what may well not be there: a refusal says no more than that. */
  findManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    return findManifest(this.#transport, repository, reference);
  }

  /** The digest of what is there under a tag or digest. */
  headManifest(repository: string, reference: string): Promise<Digest | undefined> {
    return headManifest(this.#transport, repository, reference);
  }

  putManifest(repository: string, reference: string, bytes: Uint8Array, mediaType: string): Promise<Digest> {
    return putManifest(this.#transport, repository, reference, bytes, mediaType);
  }

  /** Undefined where the repository does not have it; its size where the registry tells it. */
  hasBlob(repository: string, digest: Digest): Promise<{ size: number | undefined } | undefined> {
    return hasBlob(this.#transport, repository, digest);
  }

  /** A blob's verified bytes. More than maxBytes are REGISTRY_INVALID. */
  getBlob(repository: string, digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
    return getBlob(this.#transport, repository, digest, maxBytes);
  }

  /** A blob's bytes as they come, to be held to the digest by whoever takes them. Throws BLOB_MISSING. */
  streamBlob(repository: string, digest: Digest): AsyncGenerator<Buffer> {
    return streamBlob(this.#transport, repository, digest);
  }

  pushBlob(repository: string, blob: BlobSource, options?: PushOptions): Promise<Pushed> {
    return pushBlob(this.#transport, repository, blob, options);
  }

  referrers(repository: string, subject: Digest): Promise<Descriptor[]> {
    return referrers(this.#transport, repository, subject);
  }

  /** Makes pushed manifests known as referrers, in place of those of the given digests. */
  addReferrers(repository: string, subject: Digest, added: readonly Referrer[]): Promise<void> {
    return addReferrers(this.#transport, repository, subject, added);
  }
}

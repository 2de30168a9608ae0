/** A registry as the pipeline sees it: the protocol behind one object, with the credentials of one account. */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { BlobSource } from './blob-source.ts';
import { getBlob, hasBlob, streamBlob } from './blobs.ts';
import type { ReadBudget } from './budget.ts';
import { findCredentials } from './credentials.ts';
import { deleteManifest } from './delete-manifest.ts';
import { findEndpoint, type EndpointOptions } from './endpoint.ts';
import { listTags } from './list-tags.ts';
import { findManifest, getManifest, headManifest, putManifest, type Manifest } from './manifests.ts';
import type { ReadRecord } from './read-record.ts';
import { addReferrers, referrers, type Referrer } from './referrers.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { pushBlob, type Pushed, type PushOptions } from './upload.ts';

/**
 * Every method throws REGISTRY_UNAVAILABLE if the registry keeps failing, REGISTRY_DENIED, REGISTRY_INVALID if it
 * violates the protocol or a digest, REGISTRY_EXCESS, REGISTRY_INSECURE, INTERRUPTED.
 */
export class RegistryClient {
  readonly #transport: Transport;

  constructor(options: TransportOptions | Transport) {
    this.#transport = options instanceof Transport ? options : new Transport(options);
  }

  /** With the credentials that this host stores for the repository. Throws CREDENTIALS_INVALID, INTERRUPTED. */
  static async open(
    options: Omit<TransportOptions, 'credentials' | 'endpoint'> & EndpointOptions & { repository: string },
  ): Promise<RegistryClient> {
    const { registry, repository, environment, signal } = options;
    const credentials = await findCredentials(registry, repository, environment, signal);
    const endpoint = await findEndpoint(registry, options);
    return new RegistryClient({ ...options, endpoint, credentials });
  }

  /** The same registry and account, with another abort signal. */
  under(signal: AbortSignal): RegistryClient {
    return new RegistryClient(this.#transport.with({ signal }));
  }

  /** The same, with that many attempts after transient failures. */
  trying(attempts: number): RegistryClient {
    return new RegistryClient(this.#transport.with({ attempts }));
  }

  /** The same, with a read budget of its own. */
  within(budget: ReadBudget): RegistryClient {
    return new RegistryClient(this.#transport.with({ budget }));
  }

  /** The same; what is read with it is recorded. */
  recording(reads: ReadRecord): RegistryClient {
    return new RegistryClient(this.#transport.with({ reads }));
  }

  get registry(): string {
    return this.#transport.registry;
  }

  /** Checks that a registry answers. */
  ping(): Promise<void> {
    return this.#transport.ping();
  }

  /**
   * By tag or digest; undefined if it does not exist. The bytes match their digest. A manifest above maxBytes is
   * REGISTRY_INVALID.
   */
  getManifest(repository: string, reference: string, maxBytes?: number): Promise<Manifest | undefined> {
    return getManifest(this.#transport, repository, reference, maxBytes);
  }

  /** As getManifest, for a manifest that may not exist: a refusal counts as absent. */
  findManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    return findManifest(this.#transport, repository, reference);
  }

  /** The digest of the manifest with a tag or digest. */
  headManifest(repository: string, reference: string): Promise<Digest | undefined> {
    return headManifest(this.#transport, repository, reference);
  }

  putManifest(repository: string, reference: string, bytes: Uint8Array, mediaType: string): Promise<Digest> {
    return putManifest(this.#transport, repository, reference, bytes, mediaType);
  }

  /** All tags, sorted; undefined if there is no such repository. A registry that does not list them is an error. */
  listTags(repository: string): Promise<string[] | undefined> {
    return listTags(this.#transport, repository);
  }

  /** Deletes a manifest and these tags of it; false if it did not exist. Throws DELETE_UNSUPPORTED. */
  deleteManifest(repository: string, digest: Digest, tags: readonly string[]): Promise<boolean> {
    return deleteManifest(this.#transport, repository, digest, tags);
  }

  /** Undefined if the repository does not have the blob; its size if the registry reports it. */
  hasBlob(repository: string, digest: Digest): Promise<{ size: number | undefined } | undefined> {
    return hasBlob(this.#transport, repository, digest);
  }

  /** A blob's verified bytes. A blob above maxBytes is REGISTRY_INVALID. */
  getBlob(repository: string, digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
    return getBlob(this.#transport, repository, digest, maxBytes);
  }

  /** A blob's bytes as they arrive. The caller must check the digest. Throws BLOB_MISSING. */
  streamBlob(repository: string, digest: Digest): AsyncGenerator<Buffer> {
    return streamBlob(this.#transport, repository, digest);
  }

  pushBlob(repository: string, blob: BlobSource, options?: PushOptions): Promise<Pushed> {
    return pushBlob(this.#transport, repository, blob, options);
  }

  referrers(repository: string, subject: Digest): Promise<Descriptor[]> {
    return referrers(this.#transport, repository, subject);
  }

  /** Lists pushed manifests as referrers, in place of those with the given digests. */
  addReferrers(repository: string, subject: Digest, added: readonly Referrer[]): Promise<void> {
    return addReferrers(this.#transport, repository, subject, added);
  }
}

/** A registry without TLS, which those of the tests are. */
import type { Endpoint } from '../../../src/lib/registry/endpoint.ts';

export const plainEndpoint = (host: string): Endpoint => ({ origin: `http://${host}` });

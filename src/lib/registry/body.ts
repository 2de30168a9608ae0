/** Reads the bodies of responses into memory, within a bound. */
import { AttemptError, asAttemptError, type HttpResponse } from '../http/request.ts';

/**
 * A body above maxBytes throws AttemptError, or the error of `excess`. `spend` is called for each piece, and may throw.
 */
export async function readBody(
  response: HttpResponse,
  maxBytes: number,
  excess: () => Error = () =>
    new AttemptError(`the server sends more than ${maxBytes} bytes`, { permanent: true }),
  spend: (bytes: number) => void = () => undefined,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw excess();
      spend(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    throw asAttemptError(error);
  }
  return Buffer.concat(chunks);
}

/** The bodies of answers, read whole into memory within a bound. */
import { AttemptError, asAttemptError, type HttpResponse } from '../host/request.ts';

export async function readBody(response: HttpResponse, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw new AttemptError(`more than ${maxBytes} bytes arrive`, { permanent: true });
      chunks.push(chunk);
    }
  } catch (error) {
    throw asAttemptError(error);
  }
  return Buffer.concat(chunks);
}

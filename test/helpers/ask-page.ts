/** One request of a page, with any Host and over any socket: fetch would choose both itself. */
import { request, type RequestOptions } from 'node:http';
import { text as readText } from 'node:stream/consumers';

export interface AskedPage {
  status: number;
  type: string | undefined;
  text: string;
}

export async function askPage(options: RequestOptions): Promise<AskedPage> {
  return new Promise((done, fail) => {
    const asked = request({ path: '/metrics', agent: false, ...options }, (response) => {
      const { statusCode = 0, headers } = response;
      readText(response).then(
        (text) => done({ status: statusCode, type: headers['content-type'], text }),
        fail,
      );
    });
    asked.on('error', fail).end();
  });
}

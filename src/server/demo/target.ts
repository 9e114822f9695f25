import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../application/ports.ts';

export type DemoTarget = { readonly url: string; close(): Promise<void> };

/** How long the asynchronous target works before it posts its answer. */
const workMs = 2_500;

/** A small server that plays the one whose work is to be run: it works, fails, takes its time, and hears of outcomes. */
export async function startDemoTarget(clock: Clock): Promise<DemoTarget> {
  const ended = new AbortController();
  const routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
    '/flaky': (request, response) => {
      const works = Number(request.headers['errand-attempt']) > 2;
      response.writeHead(works ? 200 : 500).end(works ? 'third time lucky' : 'not just now');
    },
    '/report': (request, response) => {
      response.writeHead(202).end();
      const answerTo = String(request.headers['errand-callback-url']);
      void clock.sleep(workMs, ended.signal).then(() => {
        if (!ended.signal.aborted) post(answerTo, 'forty-two pages');
      });
    },
  };
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      const route = routes[request.url ?? ''];
      if (route === undefined) response.writeHead(200).end('done');
      else route(request, response);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      ended.abort();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** The demonstration itself notices an answer that does not arrive: the task would stay waiting. */
function post(url: string, body: string): void {
  const request = httpRequest(url, { method: 'POST', headers: { 'content-type': 'text/plain' } }, (response) => response.resume());
  request.on('error', () => undefined);
  request.end(body);
}

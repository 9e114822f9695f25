import type { ServerResponse } from 'node:http';
import type { PositionedLog } from '../adapters/sqlite/event-log.ts';
import type { Logger } from '../application/ports.ts';
import type { HttpEvent, HttpResponse } from '../handlers/http/http-types.ts';
import { parseStreamQuery, readPosition } from '../handlers/http/input/list-query.ts';
import { inputProblem, problem } from '../handlers/http/problem.ts';
import { streamEvents } from './event-stream.ts';
import { RenderedEvents } from './rendered-events.ts';

/** Each costs a connection and a look at the log at every commit. */
const clientsAtOnce = 1_000;

export type EventClients = {
  /** Answers a request for `/events` that may be answered: with a stream, or with what is wrong with the request. */
  serve(event: HttpEvent, response: ServerResponse): void;
  /** Ends every stream. */
  end(): void;
};

/** Those who listen to events over HTTP. */
export function createEventClients({ log, logger }: { readonly log: PositionedLog; readonly logger: Logger }): EventClients {
  const rendered = new RenderedEvents();
  const ends = new Set<() => void>();
  return {
    serve({ query, headers }, response) {
      // Gone while the API had a look at the request: nothing would ever end this stream.
      if (response.destroyed) return;
      const parsed = parseStreamQuery(query);
      // An empty one means none, as browsers send it (HTML, 9.2.4).
      const lastId = headers['last-event-id'] === '' ? undefined : headers['last-event-id'];
      const resumed = lastId === undefined ? null : readPosition(lastId);
      const errors = parsed.ok ? [] : [...parsed.errors];
      if (resumed !== null && !resumed.ok) errors.push({ path: 'Last-Event-ID', message: resumed.message });
      if (!parsed.ok || errors.length > 0) return answer(response, inputProblem(errors));
      if (ends.size >= clientsAtOnce) {
        return answer(response, problem(503, 'too many clients listen to events already', { 'retry-after': '5' }));
      }
      const { after, types } = parsed.value;
      const position = resumed?.ok === true ? resumed.value : (after ?? log.head());
      const end = streamEvents({ log, logger, rendered }, { after: position, types: types === null ? null : new Set(types) }, response);
      ends.add(end);
      response.once('close', () => ends.delete(end));
    },
    end() {
      for (const end of ends) end();
    },
  };
}

function answer(response: ServerResponse, { statusCode, headers, body }: HttpResponse): void {
  const length = { 'content-length': Buffer.byteLength(body) };
  response.writeHead(statusCode, { ...headers, ...length, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(body);
}

import type { ServerResponse } from 'node:http';
import type { PositionedLog } from '../adapters/sqlite/event-log.ts';
import { renderDetail } from '../application/render-event.ts';

export type EventStreamQuery = { readonly after: number; readonly types: ReadonlySet<string> | null };

const page = 100;
const commentEveryMs = 15_000;

/**
 * Sends every event after a position as it is committed, as server-sent events whose id is the position. The log itself is the
 * buffer: a slow client is simply further behind, and one that returns goes on after the last id it has seen.
 */
export function streamEvents(log: PositionedLog, query: EventStreamQuery, response: ServerResponse): void {
  let position = query.after;
  let sending = false;
  let draining = false;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(': connected\n\n');

  const send = (): void => {
    if (sending || draining || response.destroyed) return;
    sending = true;
    try {
      for (let events = log.readAll(position, page); events.length > 0; events = log.readAll(position, page)) {
        let text = '';
        for (const event of events) {
          position = event.position ?? position;
          if (query.types !== null && !query.types.has(event.type)) continue;
          text += `id: ${position}\nevent: ${event.type}\ndata: ${JSON.stringify(renderDetail(event))}\n\n`;
        }
        if (text !== '' && !response.write(text)) {
          draining = true;
          response.once('drain', () => {
            draining = false;
            send();
          });
          return;
        }
        // A long way to catch up must not hold up everybody else.
        if (events.length === page) {
          setImmediate(send);
          return;
        }
      }
    } finally {
      sending = false;
    }
  };

  const unsubscribe = log.onCommit(() => setImmediate(send));
  const comments = setInterval(() => {
    if (!draining) response.write(': still here\n\n');
  }, commentEveryMs);
  response.once('close', () => {
    unsubscribe();
    clearInterval(comments);
  });
  send();
}

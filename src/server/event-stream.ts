import type { ServerResponse } from 'node:http';
import type { PositionedLog } from '../adapters/sqlite/event-log.ts';
import type { Logger } from '../application/ports.ts';
import type { RenderedEvents } from './rendered-events.ts';

export type EventStreamPorts = { readonly log: PositionedLog; readonly logger: Logger; readonly rendered: RenderedEvents };
export type EventStreamQuery = { readonly after: number; readonly types: ReadonlySet<string> | null };

const page = 100;
const commentEveryMs = 15_000;

/**
 * Sends every event after a position as it is committed, as server-sent events whose id is the position. The log itself is the
 * buffer: a slow client is simply further behind, and one that returns goes on after the last id it has seen. Gives what ends the
 * stream; from then on nothing more is written, also while the client has not yet read what was.
 */
export function streamEvents(ports: EventStreamPorts, query: EventStreamQuery, response: ServerResponse): () => void {
  const { log, logger, rendered } = ports;
  let position = query.after;
  let over = false;
  let draining = false;
  let sendsSoon = false;

  /** Lets go of everything; the response may still be sending what it has. */
  function leave(): void {
    over = true;
    unsubscribe();
    clearInterval(comments);
  }

  /** Commits may come many in a turn; one look at the log finds all of them. */
  function sendSoon(): void {
    if (sendsSoon || over) return;
    sendsSoon = true;
    setImmediate(() => {
      sendsSoon = false;
      send();
    });
  }

  function send(): void {
    if (draining || isOver()) return;
    try {
      sendPage();
    } catch (error) {
      // The client comes back with the last id it has seen.
      logger.error('a stream of events broke off', { after: position, error: String(error) });
      leave();
      response.destroy();
    }
  }

  function sendPage(): void {
    const events = log.readAll(position, page);
    let text = '';
    let reached = position;
    for (const event of events) {
      reached = event.position ?? reached;
      // What was imported has happened elsewhere, and was told there.
      if (event.imported === true || (query.types !== null && !query.types.has(event.type))) continue;
      text += rendered.textOf(event);
    }
    position = reached;
    if (text !== '' && !response.write(text)) draining = true;
    // A long way to catch up must not hold up everybody else.
    else if (events.length > 0 && position < log.head()) sendSoon();
  }

  function isOver(): boolean {
    return over || response.writableEnded || response.destroyed;
  }

  const unsubscribe = log.onCommit(sendSoon);
  const comments = setInterval(() => {
    if (!draining && !isOver()) response.write(': still here\n\n');
  }, commentEveryMs);
  response.on('drain', () => {
    draining = false;
    send();
  });
  response.once('close', leave);
  // A broken connection is the end of one stream, and without a listener it would be the end of the process.
  response.on('error', () => {
    leave();
    response.destroy();
  });
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-accel-buffering': 'no',
  });
  response.write(': connected\n\n');
  send();
  return () => {
    if (over) return;
    leave();
    response.end();
  };
}

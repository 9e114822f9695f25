import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createEventClients } from '../../src/server/event-clients.ts';
import { createNumberedLog } from '../support/numbered-log.ts';
import { silentLogger } from '../support/silent-logger.ts';

function respond(): ServerResponse {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.assignSocket(new PassThrough() as unknown as Socket);
  return response;
}
const request = { path: '/events', method: 'GET', headers: {}, query: {} };

test('a client that is gone before it is served leaves nothing behind', () => {
  const log = createNumberedLog();
  const clients = createEventClients({ log, logger: silentLogger });
  const gone = respond();
  gone.destroy();
  clients.serve(request, gone);
  expect(log.listeners()).toBe(0);
  expect(gone.headersSent).toBe(false);
});

test('so many may listen at once; the next is turned away until one has left', () => {
  const log = createNumberedLog();
  const clients = createEventClients({ log, logger: silentLogger });
  const responses = Array.from({ length: 1_000 }, respond);
  for (const response of responses) clients.serve(request, response);
  expect(log.listeners()).toBe(1_000);
  const refused = respond();
  clients.serve(request, refused);
  expect([refused.statusCode, refused.writableEnded]).toEqual([503, true]);
  responses[0]?.emit('close');
  const next = respond();
  clients.serve(request, next);
  expect(next.statusCode).toBe(200);

  clients.end();
  expect(log.listeners()).toBe(0);
  expect(responses[1]?.writableEnded).toBe(true);
});

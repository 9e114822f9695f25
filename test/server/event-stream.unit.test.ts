import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type EventStreamQuery, streamEvents } from '../../src/server/event-stream.ts';
import { RenderedEvents } from '../../src/server/rendered-events.ts';
import { createNumberedLog } from '../support/numbered-log.ts';
import { rememberingLogger } from '../support/silent-logger.ts';

/** A client at the far end of a real response: one that reads everything, or takes nothing until it is told to. */
function createClient() {
  const client = { text: '', stalled: false, resume: (): void => undefined };
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, taken) {
      const take = (): void => {
        client.text += chunk.toString('utf8');
        taken();
      };
      if (!client.stalled) return take();
      client.resume = () => {
        client.stalled = false;
        take();
      };
    },
  });
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  // All that a response uses of its socket is what every stream has.
  response.assignSocket(socket as Socket);
  // As Node's server does (lib/_http_server.js, socketOnDrain).
  socket.on('drain', () => response.emit('drain'));
  return Object.assign(client, { socket, response, ids: () => [...client.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)) });
}

function open(query: Partial<EventStreamQuery> = {}, log = createNumberedLog()) {
  const logger = rememberingLogger();
  const client = createClient();
  const rendered = new RenderedEvents();
  const end = streamEvents({ log, logger, rendered }, { after: 0, types: null, ...query }, client.response);
  return { log, logger, client, end };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const passTurns = () => vi.advanceTimersByTimeAsync(10);
const commentEveryMs = 15_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a stream of events', () => {
  test('sends what was there and what comes, in order, however many pages it takes', async () => {
    const { log, client } = open();
    log.append(250);
    await passTurns();
    expect(client.ids()).toEqual(upTo(250));
    log.append(3);
    await passTurns();
    expect(client.ids()).toEqual(upTo(253));
  });

  test('reads the log once for all commits of a turn', async () => {
    const { log, client } = open();
    const before = log.reads();
    for (let commit = 0; commit < 50; commit += 1) log.append(1);
    await passTurns();
    expect(client.ids()).toEqual(upTo(50));
    expect(log.reads() - before).toBe(1);
  });

  test('lets others have their turn after every page, also when a page is short or nothing of it is wanted', async () => {
    const log = createNumberedLog();
    log.append(1_000);
    const short = { ...log, readAll: (after: number) => log.readAll(after, 10) };
    const { client } = open({}, short);
    const { client: choosy } = open({ types: new Set(['TaskCancelled']) }, short);
    expect(log.reads()).toBe(2);
    await vi.advanceTimersByTimeAsync(200);
    expect(client.ids()).toEqual(upTo(1_000));
    expect([choosy.ids(), log.reads()]).toEqual([[], 200]);
  });

  test('leaves out imported events, and goes on behind them', async () => {
    const { log, client } = open();
    log.append(2);
    log.append(150, { imported: true });
    log.append(1);
    await passTurns();
    expect(client.ids()).toEqual([1, 2, 153]);
  });

  test('goes on where it was once a client that reads slowly has caught up', async () => {
    const { log, client } = open();
    client.stalled = true;
    for (let commit = 0; commit < 30; commit += 1) {
      log.append(10);
      await passTurns();
    }
    expect(client.ids()).toEqual([]);
    client.resume();
    await passTurns();
    expect(client.ids()).toEqual(upTo(300));
  });
});

describe('a stream that is over', () => {
  test('writes nothing more to a client that has not read what was sent: neither events nor comments', async () => {
    const { log, client, end } = open();
    const errors: unknown[] = [];
    client.stalled = true;
    log.append(1);
    await passTurns();
    client.response.on('error', (error) => errors.push(error));

    end();
    log.append(1);
    await vi.advanceTimersByTimeAsync(2 * commentEveryMs);

    expect(client.response.destroyed).toBe(false);
    expect(errors).toEqual([]);
    expect(log.listeners()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    client.resume();
    await passTurns();
    expect(client.ids()).toEqual([1]);
  });

  test('also writes nothing when it is the response that was ended', async () => {
    const { log, client } = open();
    const errors: unknown[] = [];
    client.response.on('error', (error) => errors.push(error));
    client.stalled = true;
    log.append(1);
    await passTurns();
    client.response.end();
    log.append(1);
    await vi.advanceTimersByTimeAsync(2 * commentEveryMs);
    expect(errors).toEqual([]);
  });

  test('lets go of the log at once when the client is gone', async () => {
    const { log, client } = open();
    expect(log.listeners()).toBe(1);
    client.response.destroy();
    await passTurns();
    expect(log.listeners()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('can be ended twice', () => {
    const { end } = open();
    end();
    expect(end).not.toThrow();
  });
});

describe('a stream that fails', () => {
  test('because the log cannot be read, breaks off and says so, and nothing else suffers', async () => {
    const { log, logger, client } = open();
    log.append(1);
    await passTurns();
    log.breakDown(new Error('task#broken@2 does not read'));
    log.append(1);
    await passTurns();
    expect(client.response.destroyed).toBe(true);
    expect(logger.lines).toEqual(['error: a stream of events broke off']);
    expect(log.listeners()).toBe(0);
    expect(client.ids()).toEqual([1]);
  });

  test('because an event cannot be shown, breaks off before it', async () => {
    const { log, logger, client } = open();
    log.append(1);
    // No event of the log has such a time: it stands for any fault in showing one.
    log.append(1, { occurredAt: Number.NaN });
    await passTurns();
    expect(client.response.destroyed).toBe(true);
    expect(logger.lines).toEqual(['error: a stream of events broke off']);
  });

  test('because its connection does, is no matter of the process', async () => {
    const { log, client } = open();
    client.response.emit('error', new Error('the connection broke'));
    await passTurns();
    expect(client.response.destroyed).toBe(true);
    expect(log.listeners()).toBe(0);
  });
});

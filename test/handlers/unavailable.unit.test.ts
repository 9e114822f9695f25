import { describe, expect, test } from 'vitest';
import { LogUnavailable } from '../../src/application/log-unavailable.ts';
import { UnreadableEvent } from '../../src/application/ports.ts';
import { logOrUnavailable, viewsOrUnavailable } from '../../src/handlers/unavailable.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';

const named = (name: string): Error => Object.assign(new Error(name), { name });
const query = { kind: 'task' as const, status: null, labels: [], from: null, to: null, limit: 1, after: null };

describe('read models and a log that cannot be reached', () => {
  test('are told as such when it may pass', async () => {
    const [views, log] = [new MemoryReadModels(), new MemoryEventLog()];
    const throttled = () => Promise.reject(named('ProvisionedThroughputExceededException'));
    views.list = throttled;
    views.statistics = throttled;
    log.read = throttled;
    log.readBody = throttled;

    const failing = [
      viewsOrUnavailable(views).list(query),
      viewsOrUnavailable(views).statistics(0),
      logOrUnavailable(log).read('task#a', { after: 0 }),
      logOrUnavailable(log).readBody('task#a', { version: 1, commitId: 'c' }),
    ];
    for (const work of failing) await expect(work).rejects.toThrow(LogUnavailable);
  });

  test('keep every other failure as it is', async () => {
    const [views, log] = [new MemoryReadModels(), new MemoryEventLog()];
    const [denied, unreadable] = [named('AccessDeniedException'), new UnreadableEvent('task#a@1 does not read')];
    views.list = () => Promise.reject(denied);
    log.load = () => Promise.reject(unreadable);

    await expect(viewsOrUnavailable(views).list(query)).rejects.toBe(denied);
    await expect(logOrUnavailable(log).load('task#a', 1)).rejects.toBe(unreadable);
  });

  test('answer as ever otherwise', async () => {
    expect(await viewsOrUnavailable(new MemoryReadModels()).list(query)).toEqual({ views: [], next: null });
    expect(await logOrUnavailable(new MemoryEventLog()).read('task#a', { after: 0 })).toEqual([]);
  });
});

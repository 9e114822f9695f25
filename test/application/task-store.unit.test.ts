import { describe, expect, test } from 'vitest';
import { LogUnavailable } from '../../src/application/log-unavailable.ts';
import { UnreadableEvent } from '../../src/application/ports.ts';
import { createTaskStore, taskStream } from '../../src/application/task-store.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';

const ids = { taskId: () => 'a', commitId: () => 'c' };

describe('loading a task', () => {
  test('tells a log that cannot be read just now from one whose events do not read', async () => {
    const log = new MemoryEventLog();
    const store = createTaskStore({ log, ids, cacheEntries: 0 });

    log.load = () => Promise.reject(Object.assign(new Error('slow down'), { name: 'ThrottlingException' }));
    await expect(store.load(taskStream('a'))).rejects.toThrow(LogUnavailable);

    log.load = () => Promise.reject(new UnreadableEvent('task#a@1 does not read'));
    await expect(store.load(taskStream('a'))).rejects.toThrow(UnreadableEvent);
  });
});

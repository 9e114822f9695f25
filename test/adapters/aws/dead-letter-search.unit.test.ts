import { describe, expect, test } from 'vitest';
import { streamOfMessage } from '../../../src/adapters/aws/dead-letter-search.ts';

describe('the stream that a dead letter is about', () => {
  test.each([
    ['a wake', { stream: 'schedule#nightly', version: 3, dueAt: 1, target: null, lane: 'short' }, 'schedule#nightly'],
    ['an event to repair', { stream: 'task#a@b', version: 2 }, 'task#a@b'],
    ['an event of the bus', { detail: { id: 'task#a@b@12', callback: true } }, 'task#a@b'],
    ['an event that asked for a task by its id', { 'detail-type': 'ScheduleTask', detail: { id: 'a@b', request: {} } }, 'task#a@b'],
  ])('is told by %s', (_what, message, stream) => {
    expect(streamOfMessage(JSON.stringify(message))).toBe(stream);
  });

  test.each(['', 'no JSON', '{}', '[]', '{"detail":{"callback":true}}'])('is none for %j', (body) => {
    expect(streamOfMessage(body)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { parseBatch, parseCancel, parseNothing, parseTask, parseTaskChanges } from '../../../../src/handlers/http/input/task-input.ts';
import { context, now, url } from './context.ts';
import { wrongTasks } from './wrong-tasks.ts';

const day = 86_400_000;
const request = { url };

describe('a task that breaks a rule', () => {
  it.each(wrongTasks.map(([task, ...paths]) => ({ shown: JSON.stringify(task)?.slice(0, 120), task, paths })))(
    'is refused, naming $paths: $shown',
    ({ task, paths }) => {
      const result = parseTask(task, context());
      expect(result.ok ? [] : result.errors.map((error) => error.path).sort()).toEqual([...paths].sort());
    },
  );

  it('is told so in plain words', () => {
    for (const [task] of wrongTasks) {
      const result = parseTask(task, context());
      for (const error of result.ok ? [] : result.errors) {
        expect(error.message).not.toMatch(/invalid|expected \w+, received|undefined|not valid$/i);
        expect(error.message.length).toBeLessThan(250);
      }
    }
  });

  it.each<[unknown, string]>([
    [undefined, 'a JSON object is required'],
    [[], 'a JSON object is expected'],
    [{}, 'exactly one of request, runner and event must be given'],
    [{ request, x: 1 }, 'is not a known field'],
    [{ request: {} }, 'is required'],
    [{ request: [] }, 'must be a JSON object'],
    [{ request, timeout: 1 }, 'must be between 100ms and 14m'],
    [{ request, delay: '5000d' }, 'must be at most 3653d'],
    [{ request, priority: 2 ** 31 }, 'must be a whole number from -2147483647 to 2147483647'],
    [{ request, strategy: 'x' }, 'must be one of "await", "async"'],
  ])('gets the very words: %j', (task, message) => {
    expect(parseTask(task, context())).toMatchObject({ ok: false, errors: [{ message }] });
  });

  it('is refused for a literal address only where egress is public', () => {
    const local = { request: { url: 'http://127.0.0.1/' }, callback: { url: 'http://0x7f.1/' } };
    expect(parseTask(local, context()).ok).toBe(true);
    const result = parseTask(local, context({ egress: 'public' }));
    expect(result.ok ? [] : result.errors.map((error) => error.path)).toEqual(['request.url', 'callback.url']);
    const changed = parseTaskChanges(local, context({ egress: 'public' }));
    expect(changed.ok ? [] : changed.errors.map((error) => error.path)).toEqual(['request.url', 'callback.url']);
  });

  it('is answered with fifty errors at most', () => {
    const fields = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, 1]));
    const result = parseTask({ request, ...fields }, context());
    expect(result.ok ? 0 : result.errors.length).toBe(50);
  });
});

describe('a change that breaks a rule', () => {
  it.each<[unknown, string]>([
    [undefined, ''],
    [{}, ''],
    [{ id: 'x' }, 'id'],
    [{ runner: { name: 'example' } }, 'runner'],
    [{ priority: 1 }, 'priority'],
    [{ strategy: 'async' }, 'strategy'],
    [{ startBefore: '1h' }, 'startBefore'],
    [{ colour: 'red' }, 'colour'],
    [{ runAt: now, delay: 1 }, 'delay'],
    [{ runAt: now + 4_000 * day }, 'runAt'],
    [{ request: null }, 'request'],
    [{ request: { url: 'x' } }, 'request.url'],
    [{ timeout: null }, 'timeout'],
    [{ retry: { maxAttempts: 0 } }, 'retry.maxAttempts'],
    [{ callback: {} }, 'callback.url'],
    [{ labels: null }, 'labels'],
    [{ labels: { a: 1 } }, 'labels.a'],
  ])('is refused, naming the field: %j', (changes, path) => {
    const result = parseTaskChanges(changes, context());
    expect(result.ok ? [] : result.errors.map((error) => error.path)).toEqual([path]);
  });

  it('tells a field that cannot be changed from one that is not known', () => {
    expect(parseTaskChanges({ id: 'x', idd: 'x' }, context())).toEqual({
      ok: false,
      errors: [
        { path: 'id', message: 'cannot be changed' },
        { path: 'idd', message: 'is not a known field' },
      ],
    });
  });
});

describe('the other bodies', () => {
  it.each<[unknown, string]>([
    [undefined, ''],
    [[], ''],
    [{}, 'tasks'],
    [{ tasks: {} }, 'tasks'],
    [{ tasks: [] }, 'tasks'],
    [{ tasks: new Array(101).fill({}) }, 'tasks'],
    [{ tasks: [{}], atomic: true }, 'atomic'],
  ])('of a batch are refused, naming the field: %j', (body, path) => {
    const result = parseBatch(body);
    expect(result.ok ? [] : result.errors.map((error) => error.path)).toEqual([path]);
  });

  it.each<[unknown, string]>([
    [null, ''],
    [{ reason: 1 }, 'reason'],
    [{ reason: 'x'.repeat(1_025) }, 'reason'],
    [{ why: 'x' }, 'why'],
  ])('of a cancel are refused, naming the field: %j', (body, path) => {
    const result = parseCancel(body);
    expect(result.ok ? [] : result.errors.map((error) => error.path)).toEqual([path]);
  });

  it('of a route that takes none are refused when there is something in them', () => {
    expect(parseNothing({ reason: 'x' })).toMatchObject({ ok: false, errors: [{ path: 'reason' }] });
    expect(parseNothing([])).toMatchObject({ ok: false, errors: [{ path: '' }] });
    expect(parseNothing(null)).toMatchObject({ ok: false, errors: [{ path: '' }] });
  });
});

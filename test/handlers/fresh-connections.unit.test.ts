import { describe, expect, test } from 'vitest';
import type { HttpOutcome, HttpRequest } from '../../src/application/ports.ts';
import { withFreshConnections } from '../../src/handlers/fresh-connections.ts';
import { epoch, hour, minute } from '../domain/task-histories.ts';
import { response } from '../support/scripted-caller.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const request: HttpRequest = {
  url: 'https://shop.example/',
  method: 'GET',
  headers: [],
  body: null,
  timeoutMs: 1_000,
  beginBefore: { wall: epoch + hour, monotonic: hour },
};

function world() {
  const clock = new VirtualClock(epoch);
  const made: { calls: number; closed: boolean }[] = [];
  let answer: () => Promise<HttpOutcome> = async () => response(200);
  const caller = withFreshConnections(clock, () => {
    const one = { calls: 0, closed: false };
    made.push(one);
    return {
      call: () => {
        one.calls += 1;
        return answer();
      },
      close: async () => {
        one.closed = true;
      },
    };
  });
  return { clock, made, caller, hang: (until: Promise<HttpOutcome>) => (answer = () => until) };
}

describe('connections of a process that may have been frozen', () => {
  test('are kept while calls follow each other', async () => {
    const { clock, made, caller } = world();

    for (let call = 0; call < 5; call += 1) {
      await caller.call(request);
      clock.jump(1_000);
    }

    expect(made).toEqual([{ calls: 5, closed: false }]);
  });

  test.each([1_001, minute, -hour])('are made anew when the clock has gone %i ms since the last call', async (ms) => {
    const { clock, made, caller } = world();
    await caller.call(request);

    clock.set(clock.now() + ms);
    await caller.call(request);

    expect(made).toEqual([
      { calls: 1, closed: true },
      { calls: 1, closed: false },
    ]);
  });

  test('are never taken from a call under way', async () => {
    const { clock, made, caller, hang } = world();
    const held = Promise.withResolvers<HttpOutcome>();
    hang(held.promise);
    const first = caller.call(request);

    clock.jump(minute);
    const second = caller.call(request);
    expect(made).toEqual([{ calls: 2, closed: false }]);

    held.resolve(response(200));
    await Promise.all([first, second]);
    clock.jump(1_000);
    await caller.call(request);
    expect(made).toEqual([{ calls: 3, closed: false }]);
  });
});

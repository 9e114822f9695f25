import type { Dispatcher } from 'undici';
import { expect, test } from 'vitest';
import { HttpCall } from '../../../src/adapters/http/http-call.ts';
import type { HttpOutcome } from '../../../src/application/ports.ts';
import { stillClock } from './servers.ts';

/** A call as it is once a connection has taken it, what became of it, and a controller that counts aborts. */
function callInFlight() {
  const clock = stillClock();
  const outcomes: HttpOutcome[] = [];
  const carried: boolean[] = [];
  const beginBefore = { wall: clock.wall + 1, monotonic: clock.mono + 1 };
  const request = { url: 'http://name.test/', method: 'POST', headers: [], body: null, timeoutMs: 10_000, beginBefore };
  const call = new HttpCall(request, { path: '/', method: 'POST' }, clock, (outcome) => outcomes.push(outcome));
  const aborts: Error[] = [];
  const controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    abort: (reason) => aborts.push(reason),
    pause: () => {},
    resume: () => {},
  };
  call.takeOff({ done: (_call, reusable) => carried.push(reusable) });
  return { call, controller, outcomes, carried, aborts };
}

test('a call that undici begins to send a second time is held back and failed', () => {
  const { call, controller, outcomes, aborts } = callInFlight();
  call.onRequestStart(controller);
  expect(aborts).toHaveLength(0);
  call.onRequestStart(controller);
  expect(aborts).toHaveLength(1);
  expect(outcomes).toEqual([{ kind: 'network', message: expect.stringContaining('sent once') }]);
});

test('a call settles once, whatever comes after', () => {
  const { call, controller, outcomes, carried } = callInFlight();
  call.onRequestStart(controller);
  call.onResponseStart(controller, 200, {});
  call.onResponseEnd();
  call.expire();
  call.interrupt('too late');
  call.onResponseError(controller, new Error('too late'));
  call.onResponseData(controller, Buffer.from('too late'));
  expect(outcomes).toEqual([{ kind: 'response', status: 200, headers: {}, body: new Uint8Array(0), truncated: false, durationMs: 0 }]);
  expect(carried).toEqual([true]);
});

test('a body that came in one piece is handed on without a copy', () => {
  const { call, controller, outcomes } = callInFlight();
  const chunk = Buffer.from('the only piece');
  call.onRequestStart(controller);
  call.onResponseStart(controller, 200, {});
  call.onResponseData(controller, chunk);
  call.onResponseEnd();
  const [outcome] = outcomes;
  expect(outcome?.kind === 'response' && outcome.body === chunk).toBe(true);
});

test('a call that is over is not begun when its connection becomes ready', () => {
  const { call, controller, outcomes, aborts } = callInFlight();
  call.expire();
  call.onRequestStart(controller);
  expect(aborts).toHaveLength(1);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['timeout']);
});

test('a call with a hundred interim answers gets its response; with one more it is given up', () => {
  for (const [interim, outcome] of [
    [100, { kind: 'response', status: 200 }],
    [101, { kind: 'network', message: expect.stringContaining('interim') }],
  ] as const) {
    const { call, controller, outcomes, carried } = callInFlight();
    call.onRequestStart(controller);
    for (let nth = 0; nth < interim; nth += 1) call.onResponseStart(controller, 103, {});
    call.onResponseStart(controller, 200, {});
    call.onResponseEnd();
    expect(outcomes).toMatchObject([outcome]);
    expect(carried).toEqual([interim === 100]);
  }
});

import { describe, expect, it } from 'vitest';
import {
  factsOfStream,
  foldStream,
  idOf,
  isListed,
  kindOf,
  type StreamKind,
  type StreamState,
  streamOf,
} from '../../src/domain/streams.ts';
import * as orchestrations from './orchestration/histories.ts';
import * as schedules from './schedule-histories.ts';
import { append, noHistory } from './task-histories.ts';
import { given, scheduled } from './task-moves.ts';

const deletedTask: StreamState = append(noHistory, { type: 'Erased', data: {} }).state;
/** One stream of each kind after its first event. */
const begun = {
  task: () => given(scheduled()),
  schedule: () => schedules.given(),
  orchestration: () => orchestrations.given(orchestrations.scheduled()),
};
const kinds = Object.keys(begun) as StreamKind[];

describe('the name of a stream', () => {
  it.each(kinds)('says that it is one of a %s, and its id', (kind) => {
    const stream = streamOf(kind, 'nightly/report#2');
    expect(stream).toBe(`${kind}#nightly/report#2`);
    expect(kindOf(stream)).toBe(kind);
    expect(idOf(stream)).toBe('nightly/report#2');
  });

  it.each(['', 'task', 'tasks#1', 'job#1', 'a task#1'])('is none of ours: "%s"', (stream) => {
    expect(() => kindOf(stream)).toThrow(`${stream} is a stream of no known kind`);
  });
});

describe.each(kinds)('a stream of a %s', (kind) => {
  it('begins as one that is missing, of which no list tells and nothing is due', () => {
    const missing = foldStream(`${kind}#a`, null, []);
    expect(missing).toEqual({ status: 'missing', version: 0 });
    expect(isListed(missing)).toBe(false);
    expect(factsOfStream(`${kind}#a`, missing)).toEqual({
      status: 'missing',
      wakeAt: null,
      run: 0,
      attempt: 0,
      labels: {},
      origin: null,
      callback: false,
      lane: 'short',
      target: null,
    });
  });

  it('folds as its kind does, from nothing and from a state', () => {
    const { stream, events, state } = begun[kind]();
    expect(foldStream(stream, null, events)).toEqual(state);
    expect(foldStream(stream, state, [])).toBe(state);
    expect(isListed(state)).toBe(true);
    expect(factsOfStream(stream, state)).toMatchObject({
      status: state.status,
      labels: kind === 'schedule' ? { team: 'blue' } : { customer: '42' },
    });
  });
});

it('a deleted stream is in no list', () => {
  expect(isListed(deletedTask)).toBe(false);
});

import { describe, expect, test } from 'vitest';
import { readPattern } from './patterns.ts';

describe('a pattern', () => {
  const inserts = readPattern({ eventName: ['INSERT'], dynamodb: { NewImage: { type: { S: [{ exists: true }] } } } });
  const record = (eventName: string, NewImage?: object) => ({
    eventName,
    dynamodb: { Keys: {}, ...(NewImage === undefined ? {} : { NewImage }) },
  });

  test('matches when every field does', () => {
    expect(inserts(record('INSERT', { type: { S: 'TaskScheduled' } }))).toBe(true);
    expect(inserts(record('MODIFY', { type: { S: 'TaskScheduled' } }))).toBe(false);
    expect(inserts(record('INSERT', { kind: { S: 'TaskScheduled' } }))).toBe(false);
    expect(inserts(record('INSERT'))).toBe(false);
  });

  test('matches one of several values, and a list with one of them in it', () => {
    const matches = readPattern({ source: ['a', 'b'], resources: ['x'] });
    expect(matches({ source: 'b', resources: ['w', 'x'] })).toBe(true);
    expect(matches({ source: 'c', resources: ['x'] })).toBe(false);
    expect(matches({ source: 'a', resources: ['w'] })).toBe(false);
  });

  test('tells true from the text "true", and absent from null', () => {
    const callback = readPattern({ detail: { callback: [true] } });
    expect(callback({ detail: { callback: true } })).toBe(true);
    expect(callback({ detail: { callback: 'true' } })).toBe(false);
    expect(callback({})).toBe(false);
    expect(readPattern({ a: [{ exists: false }] })({})).toBe(true);
    expect(readPattern({ a: [{ exists: false }] })({ a: null })).toBe(false);
  });

  test('knows prefixes and exclusions', () => {
    expect(readPattern({ a: [{ prefix: 'ta' }] })({ a: 'task' })).toBe(true);
    expect(readPattern({ a: [{ prefix: 'ta' }] })({ a: 'at' })).toBe(false);
    expect(readPattern({ a: [{ 'anything-but': ['x', 'y'] }] })({ a: 'z' })).toBe(true);
    expect(readPattern({ a: [{ 'anything-but': 'x' }] })({ a: 'x' })).toBe(false);
    expect(readPattern({ a: [{ 'anything-but': 'x' }] })({})).toBe(false);
  });

  test.each([
    [{ a: [{ numeric: ['>', 1] }] }],
    [{ a: [{ wildcard: '*' }] }],
    [{ a: [{ 'anything-but': { prefix: 'x' } }] }],
    [{ $or: [{ a: [1] }] }],
    [{ a: 'not a list' }],
    [['x']],
  ])('that it does not know is refused when it is read: %j', (pattern) => {
    expect(() => readPattern(pattern)).toThrow(/pattern/);
  });
});

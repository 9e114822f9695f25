import { describe, expect, test } from 'vitest';
import { accessVariables, InvalidEnvironment, readEnvironment, viewVariables } from '../../src/handlers/environment.ts';

const hash = 'a'.repeat(64);

describe('the environment of a function', () => {
  test('is read by name: only what is asked for must be there', () => {
    const values = readEnvironment({ ERRAND_VIEWS_TABLE: 'views', ERRAND_SHARDS: '8', ERRAND_COUNTERS: '4', OTHER: 'x' }, viewVariables);

    expect(values).toEqual({ ERRAND_VIEWS_TABLE: 'views', ERRAND_SHARDS: 8, ERRAND_COUNTERS: 4 });
  });

  test('that lacks something is refused with every name, and without any value', () => {
    const read = () => readEnvironment({ ERRAND_SHARDS: 'secret', ERRAND_VIEWS_TABLE: '' }, viewVariables);

    expect(read).toThrow(InvalidEnvironment);
    expect(read).toThrow('ERRAND_VIEWS_TABLE is empty; ERRAND_SHARDS must be a whole number from 1 to 100; ERRAND_COUNTERS is not set');
    expect(read).not.toThrow('secret');
  });

  test.each(['0', '101', '1.5', '-1', '', ' 4', '1e1'])('takes no %j for a number of shards', (shards) => {
    expect(() => readEnvironment({ ERRAND_SHARDS: shards }, ['ERRAND_SHARDS'])).toThrow('ERRAND_SHARDS');
  });

  test('holds lists separated by commas, which may be empty but not absent', () => {
    const types = (text: string | undefined) => readEnvironment({ ERRAND_PUBLISHED_TYPES: text }, ['ERRAND_PUBLISHED_TYPES']);

    expect(types('TaskFailed, TaskCancelled,').ERRAND_PUBLISHED_TYPES).toEqual(['TaskFailed', 'TaskCancelled']);
    expect(types('').ERRAND_PUBLISHED_TYPES).toEqual([]);
    expect(() => types(undefined)).toThrow('ERRAND_PUBLISHED_TYPES is not set');
  });

  test('names keys by their SHA-256 in hex only', () => {
    const access = (hashes: string) => readEnvironment({ ERRAND_AUTH: 'api-keys', ERRAND_API_KEY_HASHES: hashes }, accessVariables);

    expect(access(`${hash},${hash.toUpperCase()}`).ERRAND_API_KEY_HASHES).toHaveLength(2);
    expect(() => access('a-key-in-plain-text')).toThrow('ERRAND_API_KEY_HASHES');
    expect(() => readEnvironment({ ERRAND_AUTH: 'none' }, ['ERRAND_AUTH'])).toThrow('ERRAND_AUTH must be api-keys, jwt or open');
  });

  test.each(['ftp://x', 'https://user:secret@x', 'https://x?a=1', 'https://x#y', 'x'])('takes no %s for the public URL', (url) => {
    expect(() => readEnvironment({ ERRAND_PUBLIC_URL: url }, ['ERRAND_PUBLIC_URL'])).toThrow('ERRAND_PUBLIC_URL');
  });

  test('gives the public URL without the slash at its end', () => {
    expect(readEnvironment({ ERRAND_PUBLIC_URL: 'https://x/errand/' }, ['ERRAND_PUBLIC_URL'])).toEqual({
      ERRAND_PUBLIC_URL: 'https://x/errand',
    });
  });
});

import { describe, expect, it } from 'vitest';
import { parseTask } from '../../../../src/handlers/http/input/task-input.ts';
import { context, text, url } from './context.ts';

function http(given: object) {
  const result = parseTask({ request: { url, ...given } }, context());
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  const { action } = result.value;
  if (action.kind !== 'http') throw new Error(action.kind);
  return action;
}

describe('the URL of a request', () => {
  it.each([
    ['http://example.com', 'http://example.com:80'],
    ['HTTPS://EXAMPLE.com/A', 'https://example.com:443'],
    ['https://example.com:8443/a?b=c#d', 'https://example.com:8443'],
    ['http://example.com:443', 'http://example.com:443'],
    ['http://[::1]/', 'http://[::1]:80'],
    ['http://0x7f.1/', 'http://127.0.0.1:80'],
    ['http://bücher.example/ä b', 'http://xn--bcher-kva.example:80'],
    [`https://example.com/${'x'.repeat(2_028)}`, 'https://example.com:443'],
  ])('%s is kept as it is, and its target has its port', (given, target) => {
    expect(http({ url: given })).toMatchObject({ url: given, target });
  });

  it.each(['GET', 'head', 'Post', 'pUT', 'patch', 'delete'])('may be called by %s', (method) => {
    expect(http({ method }).method).toBe(method.toUpperCase());
  });
});

describe('the headers of a request', () => {
  it('are the same as a map and as a list', () => {
    const expected = [
      { name: 'X-A', value: '1' },
      { name: 'Authorization', value: 'Bearer x' },
    ];
    expect(http({ headers: { 'X-A': '1', Authorization: 'Bearer x' } }).headers).toEqual(expected);
    expect(http({ headers: expected.map(({ name, value }) => ({ key: name, value })) }).headers).toEqual(expected);
  });

  it.each(['', ' ', 'a\tb', 'Grüße', '***', '"quoted"'])('may have the value %j', (value) => {
    expect(http({ headers: { 'x-a': value } }).headers).toEqual([{ name: 'x-a', value }]);
  });

  it.each(['Proxy-Authorization', 'cookie', 'User-Agent', 'idempotency-key', 'webhook', 'errands', "!#$%&'*+.^_`|~", 'constructor'])(
    'may have the name %s',
    (name) => {
      expect(http({ headers: { [name]: 'x' } }).headers).toEqual([{ name, value: 'x' }]);
    },
  );

  it('may have the name __proto__ without any effect on a prototype', () => {
    expect(http(JSON.parse('{"headers":{"__proto__":"x"}}')).headers).toEqual([{ name: '__proto__', value: 'x' }]);
  });

  it('may repeat a name in a list', () => {
    const list = [
      { key: 'x-a', value: '1' },
      { key: 'X-A', value: '2' },
    ];
    expect(http({ headers: list }).headers).toHaveLength(2);
  });

  it('may be as many and as large as the limits', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`x-${index}`, '']));
    expect(http({ headers: many }).headers).toHaveLength(50);
    expect(http({ headers: { a: 'x'.repeat(32 * 1_024 - 1) } }).headers).toHaveLength(1);
    expect(http({ headers: [] }).headers).toEqual([]);
  });

  it('have the names to seal in lower case, once each', () => {
    expect(http({ secretHeaders: ['X-Token', 'x-token', 'y'] }).secretHeaders).toEqual(['x-token', 'y']);
  });
});

describe('the body of a request', () => {
  it.each<[unknown, string, string]>([
    ['', 'text', ''],
    ['text äöü 😀', 'text', 'text äöü 😀'],
    ['{"a": 1}', 'text', '{"a": 1}'],
    [null, 'json', 'null'],
    [0, 'json', '0'],
    [false, 'json', 'false'],
    [[1, 'a'], 'json', '[1,"a"]'],
    [{ b: 1, a: { c: null } }, 'json', '{"b":1,"a":{"c":null}}'],
    [JSON.parse('{"__proto__":{"a":1},"toJSON":1}'), 'json', '{"__proto__":{"a":1},"toJSON":1}'],
    ['x'.repeat(256 * 1_024), 'text', 'x'.repeat(256 * 1_024)],
    ['ä'.repeat(128 * 1_024), 'text', 'ä'.repeat(128 * 1_024)],
  ])('may be any JSON', (body, kind, sent) => {
    const given = http({ body }).body;
    expect(given?.kind).toBe(kind);
    expect(text(given?.bytes)).toBe(sent);
  });

  it.each([[''], ['AA=='], ['AAE='], ['AAEC'], ['/+8=']])('may be the base64 %j', (bodyBase64) => {
    expect(http({ bodyBase64 }).body).toEqual({ kind: 'binary', bytes: new Uint8Array(Buffer.from(bodyBase64, 'base64')) });
  });

  it('may be as large as the limit in base64', () => {
    const bytes = Buffer.alloc(256 * 1_024, 7);
    expect(http({ bodyBase64: bytes.toString('base64') }).body?.bytes).toHaveLength(bytes.length);
  });
});

import { expect, test } from 'vitest';
import { createRouter } from './routes.ts';

const route = (routeKey: string) => ({ routeKey, functionArn: routeKey, timeoutMs: 1 });
const find = createRouter(
  ['$default', 'ANY /tasks/{id}', 'POST /tasks/{proxy+}', 'POST /tasks', 'POST /tasks/fixed', 'PUT /tasks/{id}', 'ANY /health'].map(route),
);

test.each([
  ['POST', '/tasks', 'POST /tasks'],
  ['GET', '/tasks', '$default'],
  ['POST', '/tasks/fixed', 'POST /tasks/fixed'],
  ['PUT', '/tasks/a', 'PUT /tasks/{id}'],
  ['DELETE', '/tasks/a', 'ANY /tasks/{id}'],
  ['POST', '/tasks/a/b', 'POST /tasks/{proxy+}'],
  ['GET', '/tasks/a/b', '$default'],
  ['POST', '/tasks/', '$default'],
  ['HEAD', '/health', 'ANY /health'],
  ['GET', '/health/x', '$default'],
])('%s %s is answered by %s', (method, path, expected) => {
  expect(find(method, path)?.routeKey).toBe(expected);
});

test('variables of the path come along, over slashes and line breaks where they are greedy', () => {
  expect(find('POST', '/tasks/a/b\nc')?.pathParameters).toEqual({ proxy: 'a/b\nc' });
  expect(find('GET', '/nowhere')?.pathParameters).toBeUndefined();
});

test('without a default route there may be none', () => {
  expect(createRouter([route('GET /a')])('GET', '/b')).toBeNull();
});

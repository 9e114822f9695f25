import { openApiDocument } from '../../../src/handlers/http/openapi/document.ts';
import { findRoute, methodRules, type Route } from '../../../src/handlers/http/route.ts';
import type { Schema } from './schema-values.ts';

type Parameter = { readonly name: string; readonly in: string; readonly schema: Schema };
type Documented = {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
};

/** One method of a route, with what the schemas of its input say. */
export type Operation = {
  readonly title: string;
  readonly route: Route['name'];
  readonly method: string;
  /** With `{id}` and `{token}`. */
  readonly path: string;
  readonly body: { readonly schema: Schema; readonly isOptional: boolean } | 'bytes' | null;
  readonly query: readonly Parameter[];
};

/** Paths that the document does not tell of, as they are no part of the API: itself, and the page to read it. */
const untold: readonly (readonly [path: string, method: string])[] = [
  ['/openapi.json', 'GET'],
  ['/docs', 'GET'],
];

function operationOf(path: string, method: string, { parameters, requestBody }: Documented): Operation {
  const route = findRoute(path.replace('{id}', 'an-id').replace('{token}', 'a-token'), method);
  if (route === null) throw new Error(`there is no route for ${method} ${path}`);
  const schema = requestBody?.content['application/json']?.schema;
  return {
    title: `${method} ${path}`,
    route: route.name,
    method,
    path,
    body: schema !== undefined ? { schema, isOptional: requestBody?.required !== true } : requestBody === undefined ? null : 'bytes',
    query: parameters.filter((parameter) => parameter.in === 'query'),
  };
}

const { paths } = openApiDocument('0') as { readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>> };

/** The tasks of a batch are parsed one by one, so that the schema of the batch says nothing of them. */
function withTasks({ path, body, ...rest }: Operation, task: Operation['body'] | undefined): Operation {
  if (path !== '/tasks/batch' || body === null || body === 'bytes' || task == null || task === 'bytes') return { ...rest, path, body };
  const tasks = { ...body.schema.properties?.['tasks'], items: task.schema };
  return { ...rest, path, body: { ...body, schema: { ...body.schema, properties: { tasks } } } };
}

const documented = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => operationOf(path, method.toUpperCase(), operation)),
);
const taskBody = documented.find(({ title }) => title === 'POST /tasks')?.body;

/** Everything that can be asked, by the OpenAPI document, which is made from the zod schemas that requests are parsed with. */
export const operations: readonly Operation[] = [
  ...documented.map((operation) => withTasks(operation, taskBody)),
  ...untold.map(([path, method]) => operationOf(path, method, { parameters: [] })),
];

/** What the route table has, as `name METHOD`. */
export const routed: readonly string[] = Object.entries(methodRules).flatMap(([name, methods]) =>
  Object.keys(methods).map((method) => `${name} ${method}`),
);

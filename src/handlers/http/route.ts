/** A path of the API, read from its end, so that ids may contain slashes. */
export type Route =
  | { readonly name: 'health' | 'stats' | 'events' | 'openapi' | 'docs' | 'tasks' | 'batch' | 'schedules' | 'orchestrations' }
  | { readonly name: 'task' | TaskAction | 'schedule' | ScheduleRoute | 'orchestration' | OrchestrationRoute; readonly id: string }
  | { readonly name: 'answer' | 'answer-fail' | 'answer-heartbeat'; readonly id: string; readonly token: string };

const taskActions = ['cancel', 'run', 'retry', 'redeliver', 'status', 'result', 'history'] as const;
type TaskAction = (typeof taskActions)[number];

/** The endings of a schedule's path, and the routes they are. */
const scheduleEndings = {
  '/pause': 'schedule-pause',
  '/resume': 'schedule-resume',
  '/trigger': 'schedule-trigger',
  '/events': 'schedule-history',
} as const;
type ScheduleRoute = (typeof scheduleEndings)[keyof typeof scheduleEndings];
const orchestrationEndings = { '/cancel': 'orchestration-cancel', '/events': 'orchestration-history' } as const;
type OrchestrationRoute = (typeof orchestrationEndings)[keyof typeof orchestrationEndings];

const answerPath = /^(.+)\/callback\/([^/]+)(?:\/(fail|heartbeat))?$/s;
const fixedPaths = new Map<string, Route>([
  ['/health', { name: 'health' }],
  ['/stats', { name: 'stats' }],
  ['/events', { name: 'events' }],
  ['/openapi.json', { name: 'openapi' }],
  ['/docs', { name: 'docs' }],
  ['/tasks', { name: 'tasks' }],
  ['/schedules', { name: 'schedules' }],
  ['/orchestrations', { name: 'orchestrations' }],
]);

/** Finds the route of a decoded path; null if there is none. `/tasks/batch` is both the batch and the task of that id: the method tells. */
export function findRoute(path: string, method: string): Route | null {
  const fixed = fixedPaths.get(path);
  if (fixed !== undefined) return fixed;
  if (path.startsWith('/schedules/')) return parentRoute(path.slice('/schedules/'.length), 'schedule', scheduleEndings);
  if (path.startsWith('/orchestrations/')) return parentRoute(path.slice('/orchestrations/'.length), 'orchestration', orchestrationEndings);
  if (!path.startsWith('/tasks/')) return null;
  const rest = path.slice('/tasks/'.length);
  if (rest === '') return null;
  if (rest === 'batch' && method === 'POST') return { name: 'batch' };
  // Before the answers of targets: in `/tasks/x/callback/run` it is the task `x/callback` that is run, as no token reads so.
  for (const action of taskActions) {
    const ending = action === 'history' ? '/events' : `/${action}`;
    if (rest.length > ending.length && rest.endsWith(ending)) return { name: action, id: rest.slice(0, -ending.length) };
  }
  const answer = answerPath.exec(rest);
  if (answer !== null) {
    const [, id = '', token = '', ending] = answer;
    return { name: ending === undefined ? 'answer' : ending === 'fail' ? 'answer-fail' : 'answer-heartbeat', id, token };
  }
  return { name: 'task', id: rest };
}

/** The route of what is below a list: an id, or an id and one of the endings. */
function parentRoute<Own extends string, Ending extends string>(
  rest: string,
  own: Own,
  endings: Readonly<Record<string, Ending>>,
): { readonly name: Own | Ending; readonly id: string } | null {
  if (rest === '') return null;
  for (const [ending, name] of Object.entries(endings)) {
    if (rest.length > ending.length && rest.endsWith(ending)) return { name, id: rest.slice(0, -ending.length) };
  }
  return { name: own, id: rest };
}

/** How a route's body is read: JSON that must or may be there, any bytes, or none. */
export type BodyRule = 'json' | 'optional-json' | 'bytes' | 'none';
/**
 * What becomes of a request's query: `read` by the route itself, which knows its parameters; `ignored`; refused where nothing is said,
 * as a parameter that has no effect is most likely a mistake.
 */
export type QueryRule = 'read' | 'ignored';
export type MethodRule = { readonly body: BodyRule; readonly query?: QueryRule; readonly open?: boolean };

const json: MethodRule = { body: 'json' };
const optional: MethodRule = { body: 'optional-json' };
const none: MethodRule = { body: 'none' };
const openRead: MethodRule = { body: 'none', open: true };
const queried: MethodRule = { body: 'none', query: 'read' };
/** The address was handed out to somebody else's program. Whatever that adds to it, its answer must not be lost. */
const answered: MethodRule = { body: 'bytes', query: 'ignored', open: true };

/** The methods of each route. `open` ones need no API key: their token, or their harmlessness, is enough. */
export const methodRules: Readonly<Record<Route['name'], Readonly<Record<string, MethodRule>>>> = {
  health: { GET: openRead },
  stats: { GET: none },
  events: { GET: queried },
  openapi: { GET: openRead },
  docs: { GET: openRead },
  tasks: { GET: queried, POST: json },
  batch: { POST: json },
  task: { GET: queried, PATCH: json, DELETE: none },
  cancel: { POST: optional, PUT: optional },
  run: { POST: optional },
  retry: { POST: optional },
  redeliver: { POST: optional },
  status: { GET: none },
  result: { GET: none },
  history: { GET: queried },
  schedules: { GET: queried, POST: json },
  schedule: { GET: none, PATCH: json, DELETE: none },
  'schedule-pause': { POST: optional },
  'schedule-resume': { POST: optional },
  'schedule-trigger': { POST: optional },
  'schedule-history': { GET: queried },
  orchestrations: { GET: queried, POST: json },
  orchestration: { GET: none, PATCH: json },
  'orchestration-cancel': { POST: optional },
  'orchestration-history': { GET: queried },
  answer: { POST: answered },
  'answer-fail': { POST: answered },
  'answer-heartbeat': { POST: answered },
};

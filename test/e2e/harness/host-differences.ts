/**
 * What the AWS host answers or does otherwise than the server, and which end-to-end tests are therefore run on the server only. All
 * others are the same files with the same expectations. `files` are left out as a whole, by vitest.config.ts; the others ask
 * `runsHere('...')` of host.ts.
 */
export const serverOnly = {
  'server-sent events': {
    because: 'a Lambda function cannot hold a response open: GET /events is 501 on AWS, where the event bus tells what happens',
    files: ['event-stream'],
  },
  'hostile connections': {
    because: 'on AWS it is API Gateway that clients connect to; these tests are about the HTTP server of the single-node host',
    files: ['hostile-clients'],
  },
  'hostile targets': {
    because:
      'both hosts call through the same client; these floods are to be borne by one process, and the AWS host of the tests has its engines and all functions in it',
    files: ['hostile-targets'],
  },
  'key files': {
    because: 'on AWS the keys lie in Secrets Manager, where the stack makes and keeps them; there are no files to lose',
    files: ['key-files'],
  },
  'recovery at the start': {
    because:
      'nothing starts on AWS: what a function was doing when it died is found again by the sweep, once its lease has ended or it is overdue, which takes minutes; test/aws-faults has the same deaths there',
    files: ['crash', 'parents-crash', 'ingest-crash'],
  },
  'read models in files': {
    because: 'these tests damage the SQLite files of the read models and of the log by hand',
    files: ['rebuild'],
  },
  'moving the log': {
    because: 'these tests begin with a server; what becomes of its log on DynamoDB is part of them',
    files: ['moving-the-log', 'removing'],
  },
  'the demo': {
    because: 'it starts a server of its own',
    files: ['demo'],
  },
  'slots of a target': {
    because:
      'ERRAND_CONCURRENCY and the quarter of it for each target belong to the scheduler of the server; on AWS the lanes are the bound',
    files: ['fairness'],
  },
  'refusal from the announced length': {
    because: 'API Gateway takes a request whole before a function sees anything of it',
    files: [],
  },
} as const satisfies Record<string, { readonly because: string; readonly files: readonly string[] }>;

/** The test files that are left out on other hosts, as patterns of vitest. */
export const serverOnlyFiles: readonly string[] = Object.values(serverOnly).flatMap(({ files }) =>
  files.map((name) => `test/e2e/${name}.e2e.test.ts`),
);

/**
 * Left out on the second engine, as they ask of it nothing that others do not: what requests and answers look like, what targets receive and
 * answer, starts and stops of the host. On the first engine they run.
 */
export const alikeOnEveryEngine: readonly string[] = [
  'access',
  'coming-from',
  'ingest',
  'parity',
  'queries',
  'secrets',
  'start-stop',
  'targets-answers',
  'targets-continuations',
  'targets-requests',
  'targets-retries',
  'tasks-bodies',
  'tasks-ids',
  'wrong-input',
].map((name) => `test/e2e/${name}.e2e.test.ts`);

/**
 * Within how many milliseconds half of a burst must have come. On the AWS host a database, queues, a bus and ten functions share the
 * cores of the test; how late tasks are on AWS is measured apart from this, with published delays.
 */
export const medianLatenessMs = { server: 2_000, aws: 10_000 } as const;

/**
 * The largest body that reaches Errand: an HTTP API answers for what is larger than a Lambda function can be handed, with the same
 * status and a body of its own. On the server every body reaches it.
 */
export const largestBodyOnAws = 6 * 1_024 * 1_024;

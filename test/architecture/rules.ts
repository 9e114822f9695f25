/** What may depend on what, and what may use what, as tables: each row with its reason. */

export type Layer = {
  readonly name: string;
  readonly holds: RegExp;
  /** Layers whose files it may import, its own included. */
  readonly imports: readonly string[];
  /** Layers of which it may import types only. */
  readonly importsTypesOf?: readonly string[];
  readonly because: string;
};

/** The first row that matches a file is its layer. */
export const layers: readonly Layer[] = [
  {
    name: 'domain',
    holds: /^src\/domain\//,
    imports: ['domain'],
    because: 'the rules must run anywhere, in a test or in a proof, without anything around them',
  },
  {
    name: 'ports',
    holds: /^src\/application\/ports\.ts$/,
    imports: ['domain'],
    because: 'adapters import the ports: what these import, every adapter drags along',
  },
  {
    name: 'stored events',
    holds: /^src\/application\/event-schemas(?:\.ts$|\/)/,
    imports: ['domain', 'ports', 'stored events'],
    because: 'how an event lies in the log is read by use cases and projections alike, so it may not depend on either',
  },
  {
    name: 'application',
    holds: /^src\/application\//,
    imports: ['domain', 'ports', 'stored events', 'application'],
    because: 'use cases know what they need of the world only as ports, so that both hosts share them',
  },
  {
    name: 'projections',
    holds: /^src\/projections\//,
    imports: ['domain', 'ports', 'stored events', 'projections'],
    because: 'a read model is a fold of events: it must be possible to rebuild it without any use case',
  },
  {
    name: 'adapters',
    holds: /^src\/adapters\//,
    imports: ['domain', 'ports', 'adapters'],
    because: 'an adapter fulfils a port; one that knew the use cases or the handlers could not be exchanged',
  },
  {
    name: 'http handlers',
    holds: /^src\/handlers\/http\//,
    imports: ['domain', 'ports', 'stored events', 'application', 'projections', 'http handlers'],
    importsTypesOf: ['adapters'],
    because: 'both hosts share them: which adapter stands behind a port is decided by the host',
  },
  {
    name: 'handlers',
    holds: /^src\/handlers\//,
    imports: [
      'domain',
      'ports',
      'stored events',
      'application',
      'projections',
      'adapters',
      'http handlers',
      'runners',
      'handlers',
      'manifest',
    ],
    because: 'a Lambda entry point is where the AWS host is wired',
  },
  {
    name: 'manifest',
    holds: /^package\.json$/,
    imports: [],
    because: 'the bundler puts the version into a function, which has no package.json beside it to read',
  },
  {
    name: 'runners',
    holds: /^src\/runners\//,
    imports: ['domain', 'ports', 'runners'],
    importsTypesOf: ['application'],
    because: 'task code is given what it needs; it does not reach into the host that runs it',
  },
  {
    name: 'server',
    holds: /^src\/server\//,
    imports: ['domain', 'ports', 'stored events', 'application', 'projections', 'adapters', 'http handlers', 'runners', 'server'],
    because: 'it wires the single-node host from everything but the Lambda entry points; of others only the operator imports it',
  },
  {
    name: 'operator',
    holds: /^src\/operator\//,
    imports: ['domain', 'ports', 'stored events', 'application', 'projections', 'adapters', 'handlers', 'server', 'operator'],
    because: 'what an operator runs by hand meets the log of either host, wired as that host wires it; nothing imports it',
  },
];

export type Purity = {
  readonly where: RegExp;
  readonly except?: RegExp;
  /** Globals, in the notation of `usesOf`. */
  readonly globals: readonly string[];
  /** Packages and `node:` modules; a trailing star stands for any ending. */
  readonly packages: readonly string[];
  readonly because: string;
};

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const randomness = [
  'Math.random',
  'crypto.randomUUID',
  'crypto.getRandomValues',
  'randomUUID',
  'randomBytes',
  'randomInt',
  'randomFillSync',
];
const io = [
  'node:fs*',
  'node:http*',
  'node:net',
  'node:tls',
  'node:dns*',
  'node:sqlite',
  'node:child_process',
  'node:worker_threads',
  'undici',
];

export const purity: readonly Purity[] = [
  {
    where: /^src\/domain\//,
    globals: ['Date', 'Math.random', 'process', 'crypto', 'performance', ...timers, 'console', 'fetch'],
    packages: ['*'],
    because: 'pure: time, ids and randomness are arguments, and there is nothing else to ask',
  },
  {
    where: /^src\/(?:application|projections)\//,
    globals: ['now', 'Math.random', 'crypto', 'performance', ...timers, 'process', 'console', 'fetch'],
    packages: ['node:crypto', 'node:timers*', 'node:perf_hooks', 'node:process', ...io],
    because: 'time, ids, randomness and the outside world are ports: otherwise no simulation is deterministic',
  },
  {
    where: /^src\//,
    except: /^src\/adapters\/(?:system-clock\.ts$|crypto\/)/,
    globals: ['now', 'performance', 'process.hrtime', ...randomness],
    packages: ['node:perf_hooks'],
    because: 'time and randomness enter at one place each, so a test that replaces them has replaced all of them',
  },
  {
    where: /^src\//,
    except: /^src\/(?:server|adapters|runners)\//,
    globals: timers,
    packages: ['node:timers*'],
    because: 'waiting belongs to the host',
  },
  { where: /^src\//, except: /^src\/adapters\/sqlite\//, globals: [], packages: ['node:sqlite'], because: 'one folder knows SQL' },
  {
    where: /^src\//,
    except: /^src\/adapters\/http\//,
    globals: ['fetch'],
    packages: ['undici'],
    because: 'every outgoing call passes the egress guard',
  },
  {
    where: /^src\//,
    except: /^src\/adapters\/recurrence\//,
    globals: ['Intl'],
    packages: ['croner'],
    because: 'what a clock shows is decided in one place: two readings of a clock change would run a schedule twice, or never',
  },
  { where: /^src\//, except: /^src\/adapters\/aws\//, globals: [], packages: ['@aws-sdk/*'], because: 'one folder knows AWS' },
  {
    where: /^src\//,
    globals: [],
    packages: ['node:module'],
    because: 'a require made by hand would be an import that these tests do not see',
  },
  { where: /^src\//, except: /^src\/handlers\//, globals: [], packages: ['@middy/*'], because: 'middy stays at the edge' },
];

export const fileLines = 300;
/** Files that may be longer, and why each is one idea all the same. */
export const longFiles: Readonly<Record<string, string>> = {};

import { createHash } from 'node:crypto';
import { idOf, kindOf } from '../../src/domain/streams.ts';
import { checkAnswers } from './checks/answers.ts';
import { checkConvergence } from './checks/convergence.ts';
import { checkWholeHistory } from './checks/history.ts';
import { checkPromptness } from './checks/promptness.ts';
import { checkReceipts } from './checks/receipts.ts';
import { checkStreams } from './checks/streams.ts';
import { Behaviours } from './clients/behaviours.ts';
import { Client } from './clients/client.ts';
import { type Amount, Workload } from './clients/workload.ts';
import { createAwsHost } from './hosts/aws-host.ts';
import type { SimulatedHost } from './hosts/host.ts';
import { createServerHost } from './hosts/server-host.ts';
import type { FaultKind } from './kernel/faults.ts';
import { type Violation, World } from './kernel/world.ts';
import { Targets } from './services/targets.ts';

export type HostName = SimulatedHost['name'];
export type SimulationOptions = {
  readonly seed: number;
  readonly host: HostName;
  /** Only these kinds of faults, of those that the seed draws. */
  readonly only?: ReadonlySet<FaultKind> | undefined;
  /** At most so much of what the seed asks for. */
  readonly most?: Amount | undefined;
};
export type Report = {
  readonly seed: number;
  readonly host: HostName;
  readonly violations: readonly Violation[];
  /** SHA-256 over the log: two runs of one seed give the same. */
  readonly log: string;
  readonly events: number;
  readonly calls: number;
  readonly requests: number;
  readonly virtualMs: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly lines: readonly string[];
};

/** What the checks look at. */
export type Finished = {
  readonly world: World;
  readonly host: SimulatedHost;
  readonly client: Client;
  readonly workload: Workload;
  readonly behaviours: Behaviours;
  readonly healedAt: number;
  readonly endedAt: number;
};

const minute = 60_000;
const hour = 60 * minute;
/** How often it is asked whether everything has come to rest. */
const lookEveryMs = 5_000;
const schedulesEndAfterMs = 3 * hour;
/** Far beyond all delays, retries and sweeps of a world. */
const restWithinMs = 30 * hour;

/** One world: a time of faults, a time without any, and whether all laws held. */
export async function simulate({ seed, host: hostName, only, most }: SimulationOptions): Promise<Report> {
  const scale = new World(seed, 0, null).dice('scale');
  const startedAt = Date.UTC(2026, 9, 24, 22) + scale.whole(0, 30 * 24) * hour + scale.whole(0, hour);
  // Some worlds are without faults: what only heals must not be needed there.
  const isCalm = scale.chance(0.1);
  const world = new World(seed, startedAt, isCalm ? new Set() : (only ?? null));
  const faultyMs = scale.magnitude(minute, 40 * minute);
  const drawn = { tasks: scale.whole(1, 6), schedules: scale.whole(0, 2), orchestrations: scale.whole(0, 2) };
  const amount = {
    tasks: Math.min(drawn.tasks, most?.tasks ?? drawn.tasks),
    schedules: Math.min(drawn.schedules, most?.schedules ?? drawn.schedules),
    orchestrations: Math.min(drawn.orchestrations, most?.orchestrations ?? drawn.orchestrations),
  };
  let client: Client | null = null;
  const behaviours = new Behaviours(world, () => client as Client);
  const targets = new Targets(world, behaviours.behave);
  const host = hostName === 'aws' ? createAwsHost(world, targets) : createServerHost(world, targets);
  client = new Client(world, host);
  const workload = new Workload(world, client, amount, Math.min(faultyMs, 10 * minute));

  await world.timeline.run(startedAt + faultyMs, () => world.violations.length > 0);
  world.faults.heal();
  host.heal();
  const healedAt = world.now;
  world.note('healed');
  const finished = (): Finished => ({ world, host, client, workload, behaviours, healedAt, endedAt: world.now });
  const isAtRest = () => workload.done && client.idle && host.isIdle() && isSettled(host);
  // What would go on for days has been seen by then.
  world.timeline.after(schedulesEndAfterMs, () => {
    const streams = host.table.streams().filter((stream) => kindOf(stream) === 'schedule');
    void workload.deleteSchedules(streams.map(idOf));
  });
  while (world.violations.length === 0 && world.now < healedAt + restWithinMs && !isAtRest()) {
    await world.timeline.run(world.now + lookEveryMs, () => world.violations.length > 0);
  }
  if (world.violations.length === 0) {
    if (!isAtRest())
      world.violate('L1', `it has not come to rest ${restWithinMs / hour} hours after everything was healed: ${unsettled(host)}`);
    checkStreams(finished());
    checkReceipts(finished());
    checkAnswers(finished());
    checkWholeHistory(finished());
    await checkConvergence(finished());
    if (isCalm) checkPromptness(finished());
  }
  return {
    seed,
    host: hostName,
    violations: world.violations,
    log: digestOf(host),
    events: host.table.entries.length,
    calls: targets.receipts.length,
    requests: client.exchanges.length,
    virtualMs: world.now - startedAt,
    faults: world.faults.counts,
    lines: world.lines,
  };
}

/** Whether nothing is left to happen by itself, by what the log says. */
function isSettled({ table }: SimulatedHost): boolean {
  return table.streams().every((stream) => table.of(stream).at(-1)?.event.facts.wakeAt === null);
}

function unsettled({ table }: SimulatedHost): string {
  const open = table.streams().filter((stream) => table.of(stream).at(-1)?.event.facts.wakeAt !== null);
  return open.map((stream) => `${stream} ${JSON.stringify(table.of(stream).at(-1)?.event.facts)}`).join('; ');
}

function digestOf({ table }: SimulatedHost): string {
  const hash = createHash('sha256');
  for (const { event, at, by } of table.entries) {
    const { body, ...rest } = event;
    hash.update(JSON.stringify([at, by, rest]));
    if (body !== undefined) hash.update(body);
  }
  return hash.digest('hex');
}

import fc from 'fast-check';
import type { ChildSeen, OrchestrationCommand } from '../../../src/domain/orchestration/commands.ts';
import type {
  CheckDefinition,
  OrchestrationDefinition,
  StepDefinition,
  StepTemplate,
} from '../../../src/domain/orchestration/definition.ts';
import { type OrchestrationState, wakeAt } from '../../../src/domain/orchestration/state.ts';
import { callbackSpec, day, epoch, hour, minute, second } from '../task-histories.ts';
import { at, check, definitionWith, type History, noHistory, perform, planned, step, stepTemplate } from './histories.ts';
import type { Ending, Script } from './oracle.ts';

const anyDelay = fc.constantFrom(0, 0, 1, second, 90 * second, hour);
const anyTemplate = (canHavePrevious: boolean): fc.Arbitrary<StepTemplate> =>
  fc.constantFrom(null, null, 'previous' as const).map((bodyFrom) => ({ ...stepTemplate, bodyFrom: canHavePrevious ? bodyFrom : null }));
const anyCheck: fc.Arbitrary<CheckDefinition> = fc
  .record({ delayMs: anyDelay, retries: fc.constantFrom(0, 1, 2, 5), gapMs: anyDelay })
  .map((times) => check(times));
/** Absent, so that the default counts, switched off, or its own. */
const given = <Value>(own: fc.Arbitrary<Value>, name: string): fc.Arbitrary<object> =>
  fc.oneof(
    fc.constant({}),
    fc.constant({ [name]: null }),
    own.map((value) => ({ [name]: value })),
  );
const anyStepDefinition = (canHavePrevious: boolean): fc.Arbitrary<StepDefinition> =>
  fc
    .record({
      name: fc.constantFrom(null, 'pay', 'ship'),
      delayMs: anyDelay,
      task: anyTemplate(canHavePrevious),
      check: given(anyCheck, 'check'),
      fallback: given(anyTemplate(canHavePrevious), 'fallback'),
    })
    .map(({ check: checked, fallback, ...parts }) => step({ ...parts, ...checked, ...fallback }));

/** The first step has none before it, so neither it nor a default fallback, which is the first one's too, is sent a result. */
export const anyDefinition: fc.Arbitrary<OrchestrationDefinition> = fc
  .record({
    first: anyStepDefinition(false),
    others: fc.array(anyStepDefinition(true), { maxLength: 4 }),
    check: fc.option(anyCheck),
    fallback: fc.option(anyTemplate(false)),
    on: fc.option(fc.subarray(['succeeded', 'failed', 'cancelled'] as const, { minLength: 1 })),
  })
  .map(({ first, others, on, ...parts }) =>
    definitionWith({ steps: [first, ...others], callback: on === null ? null : { ...callbackSpec, on }, ...parts }),
  );

/** `failing` is how often it fails, of ten. */
const anyEnding = (failing: number): fc.Arbitrary<Ending> =>
  fc.record({
    as: fc.oneof(
      { weight: 8 - failing, arbitrary: fc.constant('succeeded' as const) },
      { weight: 1, arbitrary: fc.constant('truncated' as const) },
      { weight: failing, arbitrary: fc.constant('failed' as const) },
      { weight: 1, arbitrary: fc.constantFrom('cancelled' as const, 'deleted' as const, 'foreign' as const) },
    ),
    lastsMs: fc.constantFrom(0, 1, 250, 2 * minute, 3 * hour),
  });

/** How every child will end, by its id: a list is walked around, so that fast-check can shrink it. */
export const anyScript: fc.Arbitrary<Script> = fc
  .tuple(fc.array(anyEnding(1), { minLength: 1, maxLength: 12 }), fc.array(anyEnding(5), { minLength: 1, maxLength: 12 }))
  .map(([tasks, checks]) => {
    const known = new Map<string, Ending>();
    const script: Script = (taskId) => {
      const list = /\.(?:check\.\d+|fallback)$/.test(taskId) ? checks : tasks;
      const place = [...taskId].reduce((sum, character) => sum * 31 + character.charCodeAt(0), 7) % list.length;
      const ending = known.get(taskId) ?? list[place] ?? { as: 'succeeded', lastsMs: 0 };
      known.set(taskId, ending);
      return ending;
    };
    const print = () => `tasks ${JSON.stringify(tasks)}, checks and fallbacks ${JSON.stringify(checks)}`;
    return Object.assign(script, { [fc.toStringMethod]: print });
  });

export const allSeen: readonly (ChildSeen | null)[] = [
  null,
  { status: 'missing' },
  { status: 'open' },
  { status: 'succeeded', truncated: false },
  { status: 'succeeded', truncated: true },
  { status: 'failed', error: { kind: 'http', message: 'the target answered 503' } },
  { status: 'cancelled' },
  { status: 'deleted' },
  { status: 'foreign' },
];
const anySeen = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...allSeen) },
  { weight: 4, arbitrary: fc.constant<ChildSeen>({ status: 'succeeded', truncated: false }) },
);

/** One step of a random history: how much time passes, and what is asked then. Plain values, so that fast-check can shrink it. */
export type Wish = {
  readonly wait: 'none' | 'little' | 'before-wake' | 'wake' | 'past-wake' | 'far';
  readonly what: 'advance' | 'stale-advance' | 'change' | 'cancel' | 'schedule';
  readonly seen: ChildSeen | null;
  readonly definition: OrchestrationDefinition;
  readonly dice: number;
};

const anyWish = (cancelWeight: number): fc.Arbitrary<Wish> =>
  fc.record({
    wait: fc.constantFrom('none', 'none', 'little', 'before-wake', 'wake', 'wake', 'wake', 'past-wake', 'far'),
    what: fc.oneof(
      { weight: 40, arbitrary: fc.constant('advance' as const) },
      { weight: 3, arbitrary: fc.constant('stale-advance' as const) },
      { weight: 3, arbitrary: fc.constant('change' as const) },
      { weight: 1, arbitrary: fc.constant('schedule' as const) },
      { weight: cancelWeight, arbitrary: fc.constant('cancel' as const) },
    ),
    seen: anySeen,
    definition: anyDefinition,
    dice: fc.nat(0xffff),
  });
export const anyCommandWish = anyWish(3);

function timeOf({ wait, dice }: Wish, { state, now }: History): number {
  const wake = wakeAt(state) ?? now;
  const times = { none: now, little: now + (dice % second), 'before-wake': wake - 1, wake, 'past-wake': wake + 1 + dice, far: now + day };
  return times[wait];
}

/** Checks fail more often than tasks, so that histories get as far as a spent budget. */
function seenBy(state: OrchestrationState, { seen, dice }: Wish): ChildSeen | null {
  if (state.status !== 'running' || seen === null || dice % 2 === 0) return seen;
  if (state.position.at === 'check') return { status: 'failed', error: { kind: 'timeout', message: 'no answer' } };
  return state.position.at === 'step' ? { status: 'succeeded', truncated: dice % 16 === 1 } : seen;
}

/** The command that a wish means for the history it meets. */
export function commandFor({ state, now }: History, wish: Wish): OrchestrationCommand {
  const { what, seen, definition, dice } = wish;
  const runAt = now + (dice % 3) * second;
  switch (what) {
    case 'schedule':
      return { type: 'schedule', runAt, plan: planned(definition), labels: {}, contentHash: 'other', sameContent: dice % 2 === 0 };
    case 'change': {
      const madeFrom = dice % 5 === 0 || !('definition' in state) ? 1 : state.definition.version;
      return {
        type: 'change',
        ...(dice % 2 === 0 ? { runAt } : {}),
        ...(dice % 3 === 0 ? { replan: { plan: planned(definition), madeFrom } } : {}),
        ...(dice % 7 === 0 ? { labels: { customer: String(dice % 2) } } : {}),
      };
    }
    case 'cancel':
      return { type: 'cancel', reason: null };
    case 'advance':
      return { type: 'advance', now, version: state.version, child: seenBy(state, wish) };
    case 'stale-advance':
      return { type: 'advance', now, version: state.version - 1 - (dice % 3), child: seen };
    default:
      return what satisfies never;
  }
}

export function fulfil(before: History, wish: Wish): History {
  const history = at(before, timeOf(wish, before));
  return perform(history, commandFor(history, wish)).history;
}

export const anyWishes = (maxLength: number): fc.Arbitrary<readonly Wish[]> =>
  fc.boolean().chain((isCancelled) => fc.array(anyWish(isCancelled ? 2 : 0), { maxLength, size: 'max' }));

/** Prints a counterexample as the facts it consists of. */
function readable(history: History): History {
  const print = () =>
    [
      `now ${history.now}, ${JSON.stringify(history.state)}`,
      ...history.events.map(({ version, type, occurredAt, data }) => `${version} ${type} at ${occurredAt} ${JSON.stringify(data)}`),
    ].join('\n  ');
  return Object.assign({ ...history }, { [fc.toStringMethod]: print });
}

/** A history that a correct writer can leave: random commands, decided and folded one after another from nothing. */
export const anyHistory: fc.Arbitrary<History> = fc
  .record({ definition: anyDefinition, runAt: fc.constantFrom(epoch, epoch + hour), wishes: anyWishes(50) })
  .map(({ definition, runAt, wishes }) => {
    const plan = planned(definition);
    const command = { type: 'schedule', runAt, plan, labels: { customer: '42' }, contentHash: 'content-1', sameContent: false } as const;
    return readable(wishes.reduce(fulfil, perform(noHistory, command).history));
  });

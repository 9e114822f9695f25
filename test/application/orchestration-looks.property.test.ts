import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cancelOrchestration } from '../../src/application/orchestration-commands.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { mayCall } from '../../src/domain/orchestration/children.ts';
import { isEnded } from '../../src/domain/orchestration/state.ts';
import { check, definitionWith, step, stepTemplate, template, withCallback } from '../domain/orchestration/histories.ts';
import { epoch, second } from '../domain/task-histories.ts';
import { taskInput } from '../support/application-world.ts';
import { type Fault, faults, type Move, ParentsWorld } from '../support/parents-world.ts';
import { headerOf, response } from '../support/scripted-caller.ts';

const anyMove: fc.Arbitrary<Move | 'cancel'> = fc.oneof(
  { weight: 20, arbitrary: fc.constant({ kind: 'go on' as const }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('deliver' as const), choice: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('twice' as const, 'lose' as const, 'early' as const), choice: fc.nat(9) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(100, second, 10 * second, 90 * second) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('fail' as const), fault: fc.constantFrom(...faults), later: fc.nat(4) }),
  },
  { weight: 1, arbitrary: fc.constant('cancel' as const) },
);

/** A wake that comes long before an orchestration begins is all that it sends again itself. */
const anyBeginning = fc.constantFrom<readonly Move[]>(
  [],
  ...faults.map((fault): readonly Move[] => [
    { kind: 'fail', fault, later: 0 },
    { kind: 'early', choice: 0 },
  ]),
);

const id = 'order';
const plain = { ...template, action: { ...template.action, headers: [] } } as typeof template;
const plainStep = { ...stepTemplate, action: plain.action };
const definition = definitionWith({
  steps: [step({ task: plainStep }), step({ delayMs: 5 * second, task: { ...plainStep, bodyFrom: 'previous' } })],
  check: check({ task: plain, delayMs: second, retries: 1 }),
  fallback: plainStep,
  callback: { ...withCallback.callback, headers: [] },
});

const create = (world: ParentsWorld): Promise<void> => world.createOrchestration(id, definition, epoch + 10 * second);

async function cancel(world: ParentsWorld): Promise<void> {
  await cancelOrchestration(world.world.ports, id, null, {}).catch(() => undefined);
}

test('steps run in order, nothing starts after a cancel, and it always comes to an end that is told', async () => {
  const went = new Set<Fault>();
  await fc.assert(
    fc.asyncProperty(
      anyBeginning,
      fc.array(anyMove, { maxLength: 80, size: 'max' }),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      async (beginning, moves, luck) => {
        const world = new ParentsWorld();
        const [called, unwanted]: [string[], string[]] = [[], []];
        world.world.caller.answer = (request) => {
          const taskId = decodeURIComponent(headerOf(request, 'errand-task-id') ?? '');
          called.push(taskId);
          if (taskId === `${id}.callback`) return response(200);
          // What is thrown here would only fail the attempt.
          if (!mayCall(world.state('orchestration', id), 'task', 1)) unwanted.push(taskId);
          return response(luck[called.length % luck.length] === true ? 200 : 503, { 'content-type': 'text/plain' }, 'hello');
        };
        await create(world);
        for (const move of [...beginning, ...moves]) await (move === 'cancel' ? cancel(world) : world.make(move));
        await world.settle();
        for (const fault of world.went) went.add(fault);

        const state = world.state('orchestration', id);
        if (!isEnded(state)) throw new Error(`it is ${state.status}`);
        expect(unwanted).toEqual([]);
        expect(state.callback.status).toBe('confirmed');
        expect(called.filter((taskId) => taskId === `${id}.callback`)).toHaveLength(1);
        const named = world.events('orchestration', id).flatMap(({ data }) => ('taskId' in data ? [taskStream(String(data.taskId))] : []));
        expect([...new Set(named)].filter((stream) => !world.tasks().includes(stream))).toEqual(
          state.status === 'cancelled' ? expect.any(Array) : [],
        );
        expect(world.tasks().filter((stream) => !named.includes(stream))).toEqual([]);
        const first = called.indexOf(`${id}.2`);
        // The second step is called only after the first one's check, which it passed.
        if (first !== -1) expect(called.slice(0, first)).toEqual(expect.arrayContaining([`${id}.1`, `${id}.1.check.1`]));
      },
    ),
    { numRuns: 150 },
  );
  // A world in which nothing goes wrong would show nothing.
  expect([...went].sort()).toEqual([...faults].sort());
});

test('a step is sent the result of the step before, with its content type', async () => {
  const world = new ParentsWorld();
  const sent: unknown[] = [];
  world.world.caller.answer = (request) => {
    const taskId = headerOf(request, 'errand-task-id');
    if (taskId === `${id}.2`) sent.push([new TextDecoder().decode(request.body ?? undefined), headerOf(request, 'content-type')]);
    return response(200, { 'content-type': 'text/csv' }, 'a;b');
  };
  await create(world);
  await world.settle();
  expect(sent).toEqual([['a;b', 'text/csv']]);
  expect(world.state('orchestration', id)).toMatchObject({ status: 'succeeded', outcome: 'completed' });
});

test('a task of somebody else on the id of a step ends it, and is left alone', async () => {
  const world = new ParentsWorld();
  await world.world.schedule(`${id}.2`, { ...taskInput(`${id}.2`, epoch), runAt: epoch + 3_600 * second });
  await create(world);
  await world.settle();
  expect(world.state('orchestration', id)).toMatchObject({ status: 'failed', outcome: 'step-failed' });
  expect(world.state('task', `${id}.2`)).toMatchObject({ status: 'succeeded', definition: { origin: null } });
});

import { carryOut } from '../../src/application/execute.ts';
import { writeDefinition } from '../../src/application/orchestration-definition.ts';
import { missingOrchestration, orchestrationStream } from '../../src/application/orchestration-store.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { missingSchedule, scheduleStream } from '../../src/application/schedule-store.ts';
import { decide as decideOrchestration } from '../../src/domain/orchestration/decide.ts';
import { planOf } from '../../src/domain/orchestration/definition.ts';
import { decide as decideSchedule } from '../../src/domain/schedule/decide.ts';
import { check, definitionWith, step, stepTemplate, template, withCallback } from '../domain/orchestration/histories.ts';
import { createAt, scheduleWith } from '../domain/schedule-histories.ts';
import { ParentsWorld } from '../support/parents-world.ts';
import { response } from '../support/scripted-caller.ts';

const encoder = new TextEncoder();
const plain = { ...template, action: { ...template.action, headers: [] } } as typeof template;
const plainStep = { ...stepTemplate, action: plain.action };

/**
 * What a log holds, in its order, in which the schedule `nightly` had two occurrences and the orchestration `order` two steps with checks
 * and a callback, until nothing was left to happen. Targets answer with `answer`. Any beginning of it is a log as well.
 */
export async function familyLog(answer = 'hello'): Promise<readonly StoredEvent[]> {
  const world = new ParentsWorld();
  world.world.caller.answer = () => response(200, { 'content-type': 'text/plain' }, answer);
  await createSchedule(world);
  await createOrchestration(world);
  await world.settle();
  return world.world.log.records;
}

async function createSchedule(world: ParentsWorld): Promise<void> {
  const given = scheduleWith().template;
  const action = given.action.kind === 'http' ? { ...given.action, headers: [] } : given.action;
  const definition = scheduleWith({ template: { ...given, action, callback: null }, maxOccurrences: 2 });
  const { schedules: store, clock } = world.world.ports;
  await carryOut(
    decideSchedule,
    { store, clock },
    {
      stream: scheduleStream('nightly'),
      startFrom: missingSchedule,
      body: encoder.encode('7'.repeat(action.body?.bytes ?? 0)),
      command: (now) => createAt(definition, now, 'nightly'),
    },
  );
}

async function createOrchestration(world: ParentsWorld): Promise<void> {
  const definition = definitionWith({
    steps: [step({ task: plainStep }), step({ task: { ...plainStep, bodyFrom: 'previous' } })],
    check: check({ task: plain }),
    callback: { ...withCallback.callback, headers: [] },
  });
  const body = writeDefinition({ definition, bodies: new Uint8Array() });
  const plan = planOf(definition, { bytes: body.length, digest: 'digest' });
  const { orchestrations: store, clock } = world.world.ports;
  await carryOut(
    decideOrchestration,
    { store, clock },
    {
      stream: orchestrationStream('order'),
      startFrom: missingOrchestration,
      body,
      command: (now) => ({ type: 'schedule' as const, runAt: now, plan, labels: {}, contentHash: 'hash', sameContent: false }),
    },
  );
}

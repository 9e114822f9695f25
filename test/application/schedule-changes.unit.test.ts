import { expect, test } from 'vitest';
import { changeSchedule } from '../../src/application/schedule-commands.ts';
import { scheduleStream } from '../../src/application/schedule-store.ts';
import type { TemplateInput } from '../../src/application/task-input.ts';
import { isLive } from '../../src/domain/schedule/state.ts';
import { createWorld, type World } from '../support/application-world.ts';
import { makeSchedule, scheduleInput } from '../support/parent-inputs.ts';

const { template } = scheduleInput();
const stream = scheduleStream('s');
const json = (value: unknown) => ({ kind: 'json', bytes: new TextEncoder().encode(JSON.stringify(value)) }) as const;

async function bodyOf({ ports }: World): Promise<unknown> {
  const loaded = await ports.schedules.load(stream);
  if (!isLive(loaded.state) || loaded.state.body === null) throw new Error('there is no body');
  return JSON.parse(new TextDecoder().decode(await ports.schedules.body(stream, loaded, loaded.state.body)));
}

test.each<[string, (value: unknown) => TemplateInput]>([
  ['request', (value) => ({ ...template, action: { ...template.action, body: json(value) } })],
  ['runner', (value) => ({ ...template, action: { kind: 'runner', name: 'message', body: json(value) } })],
  ['event', (value) => ({ ...template, action: { kind: 'event', detailType: 'Reminder', body: json(value) } })],
])('a %s is changed to JSON of the same length once, and a second time it is no change', async (_kind, templateWith) => {
  const world = createWorld();
  await makeSchedule(world, { template: templateWith({ amount: 1 }) });

  const change = { template: templateWith({ amount: 9 }) };
  expect(await changeSchedule(world.ports, 's', change, {})).toMatchObject({ outcome: 'done', changed: true });
  expect(await bodyOf(world)).toEqual({ amount: 9 });
  expect(await changeSchedule(world.ports, 's', change, {})).toMatchObject({ outcome: 'done', changed: false });
});

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSealer } from '../../src/adapters/crypto/sealer.ts';
import { changeOrchestration, createOrchestration } from '../../src/application/orchestration-commands.ts';
import { readDefinition } from '../../src/application/orchestration-definition.ts';
import type { StepInput } from '../../src/application/orchestration-input.ts';
import { orchestrationStream } from '../../src/application/orchestration-store.ts';
import { hour } from '../domain/task-histories.ts';
import { createWorld, type World } from '../support/application-world.ts';
import { childInput, makeOrchestration, orchestrationInput } from '../support/parent-inputs.ts';

const stream = orchestrationStream('o');
const later = { delayMs: hour } as const;
const withSecret = { ...childInput, action: { ...childInput.action, headers: [{ name: 'authorization', value: 'Basic 1234' }] } };
const steps = [{ name: null, delayMs: 0, task: { ...withSecret, bodyFrom: null } as StepInput['task'] }];

test('no digest in the log lets a secret be guessed that was sent', async () => {
  const { ports, log } = createWorld();
  const content = '{"steps":[{"task":{"request":{"headers":{"authorization":"Basic 1234"}}}}]}';
  await createOrchestration(ports, orchestrationInput({ ...later, steps }), { content, idempotencyId: null });
  await changeOrchestration(ports, 'o', { steps, check: null }, { content: `${content} ` });

  const written = JSON.stringify(log.events(stream).map(({ data }) => data));
  expect(log.events(stream).map(({ type }) => type)).toEqual(['OrchestrationScheduled', 'OrchestrationChanged']);
  for (const sent of [content, `${content} `]) {
    for (const encoding of ['base64url', 'base64', 'hex'] as const) {
      expect(written).not.toContain(createHash('sha256').update(sent).digest(encoding));
    }
  }
});

test('the same change is none the second time, also under another sealing key', async () => {
  const { ports } = createWorld();
  await makeOrchestration({ ports }, later);
  const change = (sealer = ports.sealer) => changeOrchestration({ ...ports, sealer }, 'o', { steps }, { content: 'the change' });

  expect(await change()).toMatchObject({ outcome: 'done', changed: true });
  expect(await change()).toMatchObject({ outcome: 'done', changed: false });
  const rotated = createSealer([new Uint8Array(32).fill(9), new Uint8Array(32).fill(1)]);
  expect(await change(rotated)).toMatchObject({ outcome: 'done', changed: false });
});

test('of the bodies there were only those are kept that are still sent', async () => {
  const { ports } = createWorld();
  const body = (text: string) => ({ kind: 'json', bytes: new TextEncoder().encode(text) }) as const;
  const child = (text: string) => ({ ...childInput, action: { ...childInput.action, body: body(text) } });
  const step = (text: string): StepInput => ({ name: null, delayMs: 0, task: { ...child(text), bodyFrom: null } });
  await makeOrchestration({ ports }, { ...later, steps: [step('one'), step('two')], fallback: { ...child('fallback'), bodyFrom: null } });

  expect(await keptBodies({ ports })).toBe('onetwofallback');
  await changeOrchestration(ports, 'o', { steps: [step('another')] }, { content: '1' });
  expect(await keptBodies({ ports })).toBe('anotherfallback');
  await changeOrchestration(ports, 'o', { fallback: null }, { content: '2' });
  expect(await keptBodies({ ports })).toBe('another');
});

/** The bytes beside a definition, as text. */
async function keptBodies({ ports }: Pick<World, 'ports'>): Promise<string> {
  const loaded = await ports.orchestrations.load(stream);
  if (loaded.state.status !== 'scheduled') throw new Error(loaded.state.status);
  const { bodies } = readDefinition(await ports.orchestrations.body(stream, loaded, loaded.state.definition));
  return new TextDecoder().decode(bodies);
}

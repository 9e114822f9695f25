import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ingestBatch } from '../../src/handlers/ingest-batch.ts';
import { createWorld } from '../support/application-world.ts';
import { MemoryDeadLetters, rememberingTelemetry, sqsEvent } from '../support/lambda.ts';
import { context } from './http/input/context.ts';

/** What somebody puts on the bus: few ids, so that they meet; `named` stands in the detail. */
const anyAsked = fc.record({
  source: fc.constantFrom('shop', 'warehouse'),
  id: fc.constantFrom('1', '2', '3'),
  named: fc.constantFrom(undefined, undefined, 'a', 'b'),
  content: fc.constantFrom('x', 'y', 'y', 'wrong'),
});
type Asked = typeof anyAsked extends fc.Arbitrary<infer Each> ? Each : never;
/** What becomes of one invocation: all is well, some appends are lost on the way there or back, the dead letters cannot be reached. */
const anyFault = fc.constantFrom('none', 'some lost', 'some replies lost', 'dead letters away', 'the function dies');

const bodyOf = ({ source, id, named, content }: Asked): string =>
  JSON.stringify({
    id,
    source,
    'detail-type': 'ScheduleTask',
    detail: content === 'wrong' ? { id: named, request: {} } : { id: named, event: { detailType: content } },
  });
/** Events for the same task: of one name, or of one source and id. */
const taskOf = ({ source, id, named }: Asked): string => named ?? `${source}/${id}`;

test('whatever is delivered, however often, in whatever batches and with whatever faults: one task for each, and the rest put aside', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyAsked, { minLength: 1, maxLength: 25 }),
      fc.array(fc.nat({ max: 24 }), { maxLength: 10 }),
      fc.array(fc.record({ size: fc.integer({ min: 1, max: 10 }), fault: anyFault }), { maxLength: 30 }),
      async (asked, again, invocations) => {
        const world = createWorld();
        const deadLetters = new MemoryDeadLetters();
        const ports = { ...world.ports, input: context(), deadLetters, telemetry: rememberingTelemetry() };
        // At least once: some messages twice.
        const queue = [...asked, ...again.flatMap((index) => asked[index] ?? [])];
        const left = [...invocations];
        let appends = 0;
        while (queue.length > 0) {
          const { size, fault } = left.shift() ?? { size: 10, fault: 'none' };
          const lost = fault === 'some lost' ? 'request-lost' : 'reply-lost';
          world.log.fault = () => {
            appends += 1;
            return fault.startsWith('some') && appends % 2 === 0 ? lost : null;
          };
          deadLetters.away = fault === 'dead letters away';
          const batch = queue.splice(0, size);
          const { batchItemFailures } = await ingestBatch(ports, sqsEvent(batch.map(bodyOf)));
          const comesAgain = (index: number): boolean =>
            fault === 'the function dies' || batchItemFailures.some(({ itemIdentifier }) => itemIdentifier === `message-${index}`);
          queue.push(...batch.filter((_message, index) => comesAgain(index)));
        }

        const valid = asked.filter(({ content }) => content !== 'wrong');
        expect(world.log.streams()).toHaveLength(new Set(valid.map(taskOf)).size);
        for (const stream of world.log.streams()) expect(world.log.events(stream).map(({ type }) => type)).toEqual(['TaskScheduled']);
        const refused = new Set(deadLetters.letters.map(({ body }) => body));
        for (const event of asked) {
          if (event.content === 'wrong') expect(refused).toContain(bodyOf(event));
        }
        for (const task of new Set(valid.map(taskOf))) {
          const [taken, putAside] = [false, true].map(
            (isRefused) =>
              new Set(
                valid.filter((event) => taskOf(event) === task && refused.has(bodyOf(event)) === isRefused).map(({ content }) => content),
              ),
          );
          // Whoever was first decides: the same content is never refused, other content always is.
          expect(taken?.size, task).toBe(1);
          expect(
            [...(putAside ?? [])].filter((content) => taken?.has(content)),
            task,
          ).toEqual([]);
        }
        for (const { status, body } of deadLetters.letters) expect(status).toBe(body.includes('"request"') ? 400 : 409);
      },
    ),
    { numRuns: 200 },
  );
});

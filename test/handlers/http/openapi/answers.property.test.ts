import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLive } from '../../../../src/application/queries.ts';
import { renderTask } from '../../../../src/application/render-task.ts';
import { taskAnswer } from '../../../../src/handlers/http/openapi/answers.ts';
import { anyHistory } from '../../../domain/task-arbitraries.ts';
import { statesAlong } from '../../../domain/task-histories.ts';

const bytes = new TextEncoder().encode('{"a":1.5}');

test('every state a task can reach is shown as the OpenAPI document says, in full and in lists', () => {
  fc.assert(
    fc.property(anyHistory, ({ events }) => {
      for (const state of statesAlong(events)) {
        if (!isLive(state)) continue;
        for (const bodies of [null, { body: bytes, result: bytes }]) {
          const shown = JSON.parse(JSON.stringify(renderTask(state, bodies)));
          const parsed = taskAnswer.safeParse(shown);
          expect(parsed.success ? [] : parsed.error.issues).toEqual([]);
          expect(JSON.stringify(shown)).not.toContain('c2VhbGVk');
        }
      }
    }),
    { numRuns: 200 },
  );
});

import { describe, expect, test } from 'vitest';
import { parseSchedule, parseScheduleChanges } from '../../../../src/handlers/http/input/schedule-input.ts';
import { context } from './context.ts';

const task = { request: { url: 'https://shop.example/' } };
const created = (parts: object) => parseSchedule({ recurrence: 'daily', timezone: 'Europe/Athens', task, ...parts }, context());

describe('the start of a schedule', () => {
  const tooEarly = { ok: false, errors: [{ path: 'startAt', message: 'must not be before 1970-01-01T00:00:00.000Z' }] };

  test.each(['1969-12-31T23:59:59.999Z', '0000-06-01T09:00:00Z', '0050-06-01T09:00:00Z', -1, -8.64e15])('%s is refused', (startAt) => {
    expect(created({ startAt })).toEqual(tooEarly);
    expect(parseScheduleChanges({ startAt }, context())).toEqual(tooEarly);
  });

  test.each(['1970-01-01T00:00:00Z', '2016-02-29T09:00:00+02:00', 0])('%s is taken', (startAt) => {
    expect(created({ startAt })).toMatchObject({ ok: true });
    expect(parseScheduleChanges({ startAt }, context())).toMatchObject({ ok: true });
  });
});

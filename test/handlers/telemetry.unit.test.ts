import { afterEach, describe, expect, test, vi } from 'vitest';
import { createTelemetry } from '../../src/handlers/telemetry.ts';

const context = { getRemainingTimeInMillis: () => 1_000, awsRequestId: 'request-1' };
const report = {
  stream: 'task#order/1',
  run: 1,
  attempt: 2,
  target: 'https://shop.example:443',
  lateMs: 37,
  durationMs: 210,
  outcome: 'succeeded',
} as const;

/** Everything that is written to standard output from here on, as JSON lines. */
function lines(): () => readonly Record<string, unknown>[] {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  return () =>
    written
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
}

afterEach(() => vi.restoreAllMocks());

describe('the telemetry of a function', () => {
  test('tells of each attempt its task, number and lateness', async () => {
    const read = lines();
    const telemetry = createTelemetry('wake', 'info');

    await telemetry.during(context, async () => telemetry.attempt(report));

    expect(read()).toContainEqual(
      expect.objectContaining({
        level: 'INFO',
        message: 'attempt',
        service: 'wake',
        requestId: 'request-1',
        taskId: 'order/1',
        attempt: 2,
        lateMs: 37,
        outcome: 'succeeded',
      }),
    );
  });

  test('writes what was counted as one line of metrics, whose only dimension is the function', async () => {
    const read = lines();
    const telemetry = createTelemetry('wake', 'error');

    await telemetry.during(context, async () => {
      for (const outcome of ['succeeded', 'accepted', 'continued', 'failed'] as const) telemetry.attempt({ ...report, outcome });
      telemetry.count('WakesSent', 3);
      telemetry.count('RecordsParked', 0);
    });

    const [metrics, ...rest] = read();
    expect(rest).toEqual([]);
    expect(metrics).toMatchObject({
      service: 'wake',
      AttemptLateness: [37, 37, 37, 37],
      AttemptsSucceeded: [1, 1, 1],
      AttemptsFailed: 1,
      WakesSent: 3,
      _aws: {
        CloudWatchMetrics: [
          {
            Namespace: 'Errand',
            Dimensions: [['service']],
            Metrics: expect.arrayContaining([
              { Name: 'AttemptLateness', Unit: 'Milliseconds' },
              { Name: 'WakesSent', Unit: 'Count' },
            ]),
          },
        ],
      },
    });
    expect(metrics).not.toHaveProperty('RecordsParked');
  });

  test('writes it also when the invocation fails, and nothing when nothing was counted', async () => {
    const read = lines();
    const telemetry = createTelemetry('wake', 'error');

    const failing = telemetry.during(context, async () => {
      telemetry.count('WakesSent', 1);
      throw new Error('throttled');
    });
    await expect(failing).rejects.toThrow('throttled');
    await telemetry.during(context, async () => undefined);

    expect(read()).toHaveLength(1);
  });

  test('logs no less than it is told to, and nothing at all when silent', async () => {
    const read = lines();

    createTelemetry('wake', 'warn').logger.info('not this');
    createTelemetry('wake', 'silent').logger.error('nor this');
    createTelemetry('wake', 'warn').logger.warn('this', { stream: 'task#a' });

    expect(read()).toMatchObject([{ level: 'WARN', message: 'this', stream: 'task#a', service: 'wake' }]);
  });
});

import { randomUUID } from 'node:crypto';
import type { Clock, Logger } from '../../src/application/ports.ts';
import type { LambdaFunction } from './lambda/function.ts';
import type { Running } from './mappings/queue-mapping.ts';
import { account, region } from './stack/intrinsics.ts';
import type { RuleResource } from './stack/stack.ts';

const unitMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Reads `rate(1 minute)` and its like. Throws on anything else, cron expressions too. */
export function rateMs(expression: string): number {
  const [, count = '', unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const ms = Number(count) * (unitMs[unit] ?? 0);
  if (!(ms > 0)) throw new Error(`the harness does not know the schedule ${expression}`);
  return ms;
}

/**
 * Invokes a function at a rate, beginning at once: on AWS too the first invocation is whenever the rule was made. One that fails is
 * logged; the template must allow no retries, as the harness makes none.
 */
export function runSchedule(rule: RuleResource, everyMs: number, lambda: LambdaFunction, clock: Clock, logger: Logger): Running {
  const stopping = new AbortController();
  async function invoke(): Promise<void> {
    const event = {
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account,
      time: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
      region,
      resources: [`arn:aws:events:${region}:${account}:rule/${rule.Name ?? 'rule'}`],
      detail: {},
    };
    try {
      await lambda.invoke(event);
    } catch (error) {
      logger.error('a scheduled invocation failed', { function: lambda.name, error: String(error) });
    }
  }
  async function run(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    while (!stopping.signal.aborted) {
      const invocation = invoke().finally(() => underWay.delete(invocation));
      underWay.add(invocation);
      await clock.sleep(everyMs, stopping.signal);
    }
    await Promise.all(underWay);
  }
  return { ended: run(), stop: () => stopping.abort() };
}

import { randomUUID } from 'node:crypto';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { Logger } from '../../src/application/ports.ts';
import type { Delays } from './delays.ts';
import type { LambdaFunction } from './lambda/function.ts';
import type { Checkpoints } from './mappings/checkpoints.ts';
import type { Discarded } from './mappings/failure-destination.ts';
import { type Running, runQueueMapping } from './mappings/queue-mapping.ts';
import { runStreamMapping, type StreamMapping } from './mappings/stream-mapping.ts';
import { type Pattern, readPattern } from './patterns.ts';
import { rateMs, runSchedule } from './schedule.ts';
import type { Clients } from './services/clients.ts';
import type { BusRule, EventBridgePorts } from './services/event-bridge.ts';
import type { MappingResource, Stack } from './stack/stack.ts';

export type WiringPorts = {
  readonly stack: Stack;
  readonly functions: ReadonlyMap<string, LambdaFunction>;
  readonly clients: Clients;
  readonly queueUrl: (queueName: string) => string;
  readonly checkpoints: Checkpoints;
  readonly giveUp: (discarded: Discarded) => void;
  readonly delays: Delays;
  readonly logger: Logger;
};

/** Starts everything that invokes functions but the API: the mappings of streams and queues, and the schedules. */
export async function startInvokers(
  ports: WiringPorts,
): Promise<{ readonly streams: readonly StreamMapping[]; readonly others: readonly Running[] }> {
  const { stack, functions, clients, logger, delays } = ports;
  const streams: StreamMapping[] = [];
  const others: Running[] = [];
  const functionOf = (arn: string): LambdaFunction => {
    const lambda = functions.get(arn);
    if (lambda === undefined) throw new Error(`there is no function ${arn}`);
    return lambda;
  };
  for (const mapping of stack.mappings.filter(({ Enabled }) => Enabled)) {
    const lambda = functionOf(mapping.FunctionName);
    const matches = filterOf(mapping);
    const table = stack.tables.find(({ streamArn }) => streamArn === mapping.EventSourceArn);
    const queue = stack.queues.find(({ arn }) => arn === mapping.EventSourceArn);
    if (table !== undefined) {
      const { Table } = await clients.dynamodb.send(new DescribeTableCommand({ TableName: table.TableName }));
      const { checkpoints, giveUp } = ports;
      const streamArn = Table?.LatestStreamArn ?? '';
      streams.push(
        runStreamMapping(mapping, {
          streams: clients.streams,
          streamArn,
          lambda,
          matches,
          checkpoints,
          giveUp,
          clock: systemClock,
          logger,
          delay: delays.stream,
        }),
      );
    } else if (queue !== undefined) {
      const queueUrl = ports.queueUrl(queue.QueueName);
      others.push(runQueueMapping(mapping, { sqs: clients.sqs, queueUrl, lambda, matches, clock: systemClock, logger, delay: delays.sqs }));
    } else {
      throw new Error(`the harness has no event source ${mapping.EventSourceArn}`);
    }
  }
  for (const rule of stack.rules) {
    if (rule.ScheduleExpression === undefined || rule.State !== 'ENABLED') continue;
    for (const { Arn } of rule.Targets) {
      const retries = stack.functions.find(({ arn }) => arn === Arn)?.asyncRetries;
      if (retries !== 0) throw new Error(`the harness makes no asynchronous retries, but ${Arn} has ${retries}`);
      others.push(runSchedule(rule, rateMs(rule.ScheduleExpression), functionOf(Arn), systemClock, logger));
    }
  }
  return { streams, others };
}

/** Any of the filters of a mapping; null if it has none. */
function filterOf(mapping: MappingResource): Pattern | null {
  const filters = mapping.FilterCriteria?.Filters.map(({ Pattern: text }) => readPattern(JSON.parse(text)));
  return filters === undefined ? null : (value) => filters.some((matches) => matches(value));
}

/** The buses of the stack and their rules, whose targets are queues. */
export function busPorts({
  stack,
  clients,
  queueUrl,
  delays,
  logger,
}: Pick<WiringPorts, 'stack' | 'clients' | 'queueUrl' | 'delays' | 'logger'>): EventBridgePorts {
  const rules: BusRule[] = stack.rules
    .filter(({ State, EventPattern }) => State === 'ENABLED' && EventPattern !== undefined)
    .map((rule) => ({
      bus: rule.EventBusName.replace(/^arn:.*:event-bus\//, ''),
      matches: readPattern(rule.EventPattern),
      queueUrls: rule.Targets.map(({ Arn, Input }) => {
        const queue = stack.queues.find(({ arn }) => arn === Arn);
        if (queue === undefined || Input !== undefined) throw new Error(`the harness cannot carry events to target ${Arn}`);
        return queueUrl(queue.QueueName);
      }),
    }));
  return {
    buses: ['default', ...stack.buses],
    rules,
    sqs: clients.sqs,
    now: systemClock.now,
    id: randomUUID,
    async deliver(delivery) {
      const delayMs = delays.eventBridge();
      if (delayMs === 0) return delivery();
      void systemClock
        .sleep(delayMs)
        .then(delivery)
        .catch((error: unknown) => logger.error('an event did not reach its target', { error: String(error) }));
    },
  };
}

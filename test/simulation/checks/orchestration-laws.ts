import { orchestrationEvent } from '../../../src/application/event-schemas.ts';
import { idOf, streamOf } from '../../../src/domain/streams.ts';
import type { World } from '../kernel/world.ts';
import type { Entry, EventTable } from '../services/event-table.ts';
import type { Targets } from '../services/targets.ts';
import { claimOf } from './receipts.ts';

/** The laws of one orchestration: step by step, each with its check, and nothing new after a cancel. */
export function checkOrchestration(world: World, table: EventTable, targets: Targets, stream: string): void {
  const breaks = (law: string, what: string): void => world.violate(law, `${stream}: ${what}`);
  let finishedStep = 0;
  let underWay: string | null = null;
  let over: Entry | null = null;
  const children: string[] = [];
  for (const entry of table.of(stream)) {
    const event = orchestrationEvent(entry.event);
    if (over !== null && event.type !== 'ChildConfirmed') breaks('S4', `${event.type} after its end`);
    switch (event.type) {
      case 'StepStarted':
        if (underWay !== null) breaks('steps', `step ${event.data.step} started while ${underWay} was under way`);
        if (event.data.step !== finishedStep + 1) breaks('steps', `step ${event.data.step} started after ${finishedStep}`);
        underWay = event.data.taskId;
        children.push(event.data.taskId);
        break;
      case 'CheckStarted':
      case 'FallbackStarted':
        if (underWay !== null) breaks('steps', `${event.data.taskId} started while ${underWay} was under way`);
        underWay = event.data.taskId;
        children.push(event.data.taskId);
        break;
      case 'StepFinished':
        underWay = null;
        if (event.data.step !== finishedStep + 1) breaks('steps', `step ${event.data.step} finished after ${finishedStep}`);
        finishedStep = event.data.step;
        break;
      case 'CheckFinished':
      case 'FallbackFinished':
        underWay = null;
        break;
      case 'OrchestrationFinished':
      case 'OrchestrationCancelled':
        over = entry;
        break;
    }
  }
  if (over === null) breaks('L1', 'it has not ended');
  else for (const taskId of children) checkChild(taskId, over);

  /** After the end no attempt of a child makes its call whose claim came later. */
  function checkChild(taskId: string, end: Entry): void {
    const task = table.of(streamOf('task', taskId));
    if (task.length === 0 && end.event.type !== 'OrchestrationCancelled') breaks('L1', `the task ${taskId} was never made`);
    const origin = task[0]?.event.facts.origin;
    if (origin === null || origin === undefined || !('orchestrationId' in origin) || origin.orchestrationId !== idOf(stream)) return;
    for (const receipt of targets.receipts) {
      if (receipt.taskId !== taskId) continue;
      const claim = claimOf(table, receipt);
      if (claim !== null && claim.entry.at > end.at) breaks('S9', `${taskId} was called, claimed after the end`);
    }
  }
}

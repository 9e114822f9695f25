import { type Child, childOf, mayCall, seenAs, taskOf } from '../../../src/domain/orchestration/children.ts';
import type { ChildSeen, OrchestrationCommand } from '../../../src/domain/orchestration/commands.ts';
import { decide } from '../../../src/domain/orchestration/decide.ts';
import type { OrchestrationDefinition } from '../../../src/domain/orchestration/definition.ts';
import { type OrchestrationState, wakeAt } from '../../../src/domain/orchestration/state.ts';
import type { TaskError } from '../../../src/domain/task/events.ts';
import { isFinished, type TaskState } from '../../../src/domain/task/state.ts';
import {
  lastStart,
  noHistory as noTask,
  okResult,
  perform as performTask,
  serverError,
  type History as TaskHistory,
  definitionWith as taskDefinitionWith,
} from '../task-histories.ts';
import { append, at, type History, noHistory, perform, planned } from './histories.ts';
import type { Script } from './oracle.ts';

type Phase = 'read' | 'make' | 'see' | 'decide';
/** One handling of a wake, of which each phase may come much later than the one before, or never. */
export type Look = {
  /** Whether what should be made is made, or the making of it fails. */
  readonly makes: boolean;
  phase: Phase;
  state: OrchestrationState;
  child: Child | null;
  seen: ChildSeen | null;
};

/**
 * Everything around one orchestration: its stream; the streams of its tasks, real
 * ones; and hosts that look at it the way a wake handler does. A script says how each task ends, once it gets that far.
 */
export class World {
  history: History;
  readonly children = new Map<string, TaskHistory>();
  /** Attempts that were started and have not yet asked whether they may call. */
  readonly begun = new Set<string>();
  /** The calls made, by the id of their task. */
  readonly calls: string[] = [];
  readonly ended = new Set<string>();
  private readonly script: Script;
  private readonly definitions = new Map<number, OrchestrationDefinition>();

  constructor(definition: OrchestrationDefinition, script: Script, runAt = noHistory.now) {
    this.script = script;
    const plan = planned(definition);
    const created = { type: 'schedule', runAt, plan, labels: { customer: '42' }, contentHash: 'content-1', sameContent: false } as const;
    this.history = perform(noHistory, created).history;
    this.definitions.set(this.state.version, definition);
  }

  get state(): OrchestrationState {
    return this.history.state;
  }

  get now(): number {
    return this.history.now;
  }

  get definition(): OrchestrationDefinition {
    return this.definitionAt('definition' in this.state ? this.state.definition.version : 0);
  }

  passTo(now: number): void {
    this.history = at(this.history, now);
  }

  /** A command of a client; a new definition is kept beside the event that it yields. */
  command(command: OrchestrationCommand, definition?: OrchestrationDefinition): 'event' | 'unchanged' | 'refused' {
    const { decision, history } = perform(this.history, command);
    this.history = history;
    if (decision.outcome === 'event' && definition !== undefined && 'definition' in this.state) {
      if (this.state.definition.version === this.state.version) this.definitions.set(this.state.version, definition);
    }
    return decision.outcome;
  }

  newLook(makes = true): Look {
    return { makes, phase: 'read', state: this.state, child: null, seen: null };
  }

  /** The next phase of a look; false when the look is over. */
  takePhase(look: Look): boolean {
    switch (look.phase) {
      case 'read':
        look.state = this.state;
        look.child = childOf(look.state);
        look.phase = 'make';
        return true;
      case 'make':
        if (look.child !== null && look.makes) this.make(look.child);
        look.phase = 'see';
        return true;
      case 'see':
        look.seen = look.child === null ? null : seenAs(look.child, this.task(look.child.taskId));
        look.phase = 'decide';
        return true;
      case 'decide': {
        // Decided against the newest state, as whoever lost a race does, with what was seen of an older one.
        const decision = decide(this.state, { type: 'advance', now: this.now, version: look.state.version, child: look.seen });
        look.phase = 'read';
        if (decision.outcome === 'event') this.history = append(this.history, decision.event);
        return decision.outcome === 'event' || (decision.outcome === 'refused' && decision.refusal.reason === 'stale');
      }
      default:
        return look.phase satisfies never;
    }
  }

  /** A look from its beginning to where it finds nothing more to do. */
  look(): void {
    const look = this.newLook();
    while (this.takePhase(look));
  }

  /** The task of an id. One that is not ours was there before anybody asked. */
  private task(taskId: string): TaskState {
    if (this.script(taskId)?.as === 'foreign' && !this.children.has(taskId)) {
      const definition = taskDefinitionWith({ origin: null });
      const stream = { ...noTask, stream: `task#${taskId}`, now: this.now };
      this.children.set(taskId, performTask(stream, { type: 'schedule', definition, runAt: this.now, sameContent: false }).history);
    }
    return this.children.get(taskId)?.state ?? noTask.state;
  }

  private make(child: Child): void {
    if (this.task(child.taskId).status !== 'missing') return;
    const given = child.body.from === 'definition' ? null : { bytes: 5, contentType: 'text/plain' };
    const { definition } = taskOf(child, this.definitionAt(child.definition.version), given);
    const stream = { ...noTask, stream: `task#${child.taskId}`, now: this.now };
    this.children.set(child.taskId, performTask(stream, { type: 'schedule', definition, runAt: child.runAt, sameContent: false }).history);
  }

  private definitionAt(version: number): OrchestrationDefinition {
    const definition = this.definitions.get(version);
    if (definition === undefined) throw new Error(`no definition lies beside version ${version}`);
    return definition;
  }

  /** Our tasks that have not ended, in the order in which they were made. */
  openChildren(): readonly string[] {
    return [...this.children].flatMap(([taskId, { state }]) =>
      'definition' in state && state.definition.origin !== null && !isFinished(state) ? [taskId] : [],
    );
  }

  /** The next thing that happens to a task: its attempt starts, asks, calls and ends as the script says. */
  proceed(taskId: string): void {
    const task = this.children.get(taskId);
    if (task === undefined) return;
    const { state } = task;
    const { as } = this.script(taskId) ?? { as: 'succeeded' };
    if (state.status === 'scheduled') {
      if (as === 'cancelled') this.end(taskId, { type: 'cancel', reason: null });
      else if (as === 'deleted') this.end(taskId, { type: 'delete' });
      else {
        this.apply(taskId, { type: 'start', now: this.now });
        this.begun.add(taskId);
      }
    } else if (state.status === 'running' && this.begun.delete(taskId)) {
      const { origin } = state.definition;
      if (mayCall(this.state, origin !== null && 'role' in origin ? origin.role : 'task', state.run)) this.calls.push(taskId);
      else this.fail(taskId, { kind: 'cancelled', message: 'its orchestration is over' });
    } else if (state.status === 'running') {
      const result = { ...okResult, truncated: as === 'truncated' };
      if (as === 'failed') this.fail(taskId, serverError);
      else this.end(taskId, { type: 'succeed', startedVersion: lastStart(task), result });
    }
  }

  private fail(taskId: string, error: TaskError): void {
    const startedVersion = lastStart(this.children.get(taskId) ?? noTask);
    this.end(taskId, { type: 'fail', now: this.now, random: 0, startedVersion, error, retryable: false, retryAfterMs: null });
  }

  private end(taskId: string, command: Parameters<typeof performTask>[1]): void {
    this.apply(taskId, command);
    this.ended.add(taskId);
  }

  private apply(taskId: string, command: Parameters<typeof performTask>[1]): void {
    const task = this.children.get(taskId) ?? noTask;
    const { decision, history } = performTask({ ...task, now: this.now }, command);
    if (decision.outcome !== 'event') throw new Error(`${command.type} of ${taskId} yields ${JSON.stringify(decision)}`);
    this.children.set(taskId, history);
  }

  /** What is known by now of how tasks end. */
  get known(): Script {
    return (taskId) => {
      const ending = this.script(taskId);
      return this.ended.has(taskId) || ending?.as === 'foreign' ? ending : null;
    };
  }

  /**
   * Lets everything happen that still can, each thing the moment it is due: looks at the time the state names and whenever a
   * task has ended, tasks as long as the script says. Gives up after `bound` rounds.
   */
  comeToRest(bound = 2_000): void {
    for (let round = 0; round < bound; round += 1) {
      this.look();
      const [taskId] = this.openChildren();
      if (taskId !== undefined) {
        const { lastsMs } = this.script(taskId) ?? { lastsMs: 0 };
        this.passTo(this.now + lastsMs);
        while (this.openChildren().includes(taskId)) this.proceed(taskId);
        continue;
      }
      const dueAt = wakeAt(this.state);
      if (dueAt === null) return;
      this.passTo(dueAt);
    }
    throw new Error(`not at rest after ${bound} rounds: ${JSON.stringify(this.state)}`);
  }
}

/** The tasks that a stream has named, in their order. */
export function namedTasks({ events }: History): readonly string[] {
  return events.flatMap((event) =>
    event.type === 'StepStarted' || event.type === 'CheckStarted' || event.type === 'FallbackStarted' ? [event.data.taskId] : [],
  );
}

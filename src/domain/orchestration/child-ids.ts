/**
 * The ids of an orchestration's tasks, derived so that whoever makes one again finds it made. Steps and the tries of a check count
 * from 1, whatever the names of the steps. A task of somebody else may hold such an id: only its origin tells whose it is.
 */
export function stepTaskId(id: string, step: number): string {
  return `${id}.${step}`;
}

export function checkTaskId(id: string, step: number, n: number): string {
  return `${stepTaskId(id, step)}.check.${n}`;
}

export function fallbackTaskId(id: string, step: number): string {
  return `${stepTaskId(id, step)}.fallback`;
}

export function callbackTaskId(id: string): string {
  return `${id}.callback`;
}

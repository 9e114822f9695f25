import type { TaskTemplate } from '../domain/schedule/events.ts';
import type { Header, TaskDefinition } from '../domain/task/events.ts';
import { isSealed } from '../domain/task/sealed-headers.ts';
import type { Sealer } from './ports.ts';
import type { ActionInput, BodyInput, CallbackInput, OutgoingInput, TemplateInput } from './task-input.ts';

/** Sealing is different each time. A value that was sealed before is taken over, so that the same change twice is no change. */
function sealHeaders(input: OutgoingInput, sealer: Sealer, before: readonly Header[]): readonly Header[] {
  return input.headers.map(({ name, value }) => {
    if (!isSealed(name, input.secretHeaders)) return { name, value };
    const lower = name.toLowerCase();
    const known = before.find((header) => header.name === name && 'sealed' in header && sealer.holds(lower, header.sealed, value));
    return known ?? { name, sealed: sealer.seal(lower, value) };
  });
}

function outgoing(input: OutgoingInput, sealer: Sealer, before: readonly Header[] = []) {
  const { url, target, method, secretHeaders } = input;
  return { url, target, method, headers: sealHeaders(input, sealer, before), secretHeaders };
}

function note(body: BodyInput | null, digest?: string) {
  return body === null ? null : { kind: body.kind, bytes: body.bytes.length, ...(digest === undefined ? {} : { digest }) };
}

/** What a change is compared with: the headers there are, and the digest of the body that is given. */
type Change = { readonly before?: readonly Header[]; readonly digest?: string | undefined };

export function actionOf(input: ActionInput, sealer: Sealer, change: Change = {}): TaskDefinition['action'] {
  switch (input.kind) {
    case 'http':
      return { kind: 'http', ...outgoing(input, sealer, change.before), body: note(input.body, change.digest) };
    case 'runner':
      return { kind: 'runner', name: input.name, body: note(input.body, change.digest) };
    case 'event':
      return { kind: 'event', detailType: input.detailType, body: note(input.body, change.digest) };
    default:
      return input satisfies never;
  }
}

export function callbackOf(input: CallbackInput | null, sealer: Sealer, before: readonly Header[] = []): TaskDefinition['callback'] {
  return input === null ? null : { ...outgoing(input, sealer, before), on: input.on };
}

/** An empty body is none: there are no bytes to keep or to send. */
export function bytesOf(body: BodyInput | null): Uint8Array | undefined {
  return body === null || body.bytes.length === 0 ? undefined : body.bytes;
}

export function headersOf(action: TaskDefinition['action'] | undefined): readonly Header[] {
  return action?.kind === 'http' ? action.headers : [];
}

/** What a schedule makes its tasks from, sealed as a task is. `before` and `digest` are those of a change. */
export function templateOf(
  input: TemplateInput,
  sealer: Sealer,
  before: TaskTemplate | null = null,
  digest?: string | undefined,
): TaskTemplate {
  const { strategy, timeoutMs, completeWithinMs, retry, labels, priority, startBeforeMs } = input;
  const change: Change = before === null ? {} : { before: headersOf(before.action), digest };
  return {
    action: actionOf(input.action, sealer, change),
    strategy,
    timeoutMs,
    completeWithinMs,
    retry,
    callback: callbackOf(input.callback, sealer, before?.callback?.headers),
    labels,
    priority,
    startBeforeMs,
  };
}

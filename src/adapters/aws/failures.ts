/** What a failed request to AWS means to its caller. Everything is mapped here, so that each form is handled once. */
export type FailureKind =
  /** The condition of a write did not hold: somebody else was first. */
  | 'condition'
  /** Try again, a little later. The write may or may not have been applied. */
  | 'transient'
  /** Trying again would give the same answer. */
  | 'permanent';

/** Names as exceptions carry them, and codes as statements of a batch and reasons of a cancelled transaction do. */
const conditions = new Set(['ConditionalCheckFailedException', 'ConditionalCheckFailed', 'DuplicateItemException', 'DuplicateItem']);
/** The code of a statement of a batch whose reply says nothing of it; AWS has no such code. */
export const noResponse = 'NoResponse';
const transients = new Set([
  noResponse,
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'Throttling',
  'RequestLimitExceeded',
  'RequestThrottled',
  'KmsThrottled',
  'LimitExceededException',
  'TooManyRequestsException',
  'InternalServerError',
  'InternalServerErrorException',
  'InternalFailure',
  'InternalException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'TransactionConflict',
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
  'AbortError',
  'NetworkingError',
  // Clocks differ: the SDK learns by how much from the answer, and signs the next request with the right time.
  'RequestTimeTooSkewed',
  'RequestExpired',
  'RequestInTheFuture',
]);
const networkCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
]);

/** Sorts an exception of the SDK, or the code of one statement or reason. */
export function failureKind(failure: unknown): FailureKind {
  if (typeof failure === 'string') return kindOfName(failure);
  if (!(failure instanceof Error)) return 'permanent';
  if (failure.name === 'TransactionCanceledException') return kindOfReasons(failure);
  const named = kindOfName(failure.name);
  if (named !== 'permanent') return named;
  const code = 'code' in failure ? String(failure.code) : '';
  if (networkCodes.has(code)) return 'transient';
  const status = statusOf(failure);
  if (status !== null && (status >= 500 || status === 429)) return 'transient';
  // Who says what could not be done has the reason with him, and it is of the same kind.
  return failure.cause instanceof Error ? failureKind(failure.cause) : 'permanent';
}

function kindOfName(name: string): FailureKind {
  if (conditions.has(name)) return 'condition';
  return transients.has(name) ? 'transient' : 'permanent';
}

/** A transaction that was cancelled says why for each of its items; `None` for those that would have been written. */
function kindOfReasons(failure: Error): FailureKind {
  const { CancellationReasons = [] } = failure as { readonly CancellationReasons?: readonly { readonly Code?: string }[] };
  const kinds = CancellationReasons.flatMap(({ Code = 'None' }) => (Code === 'None' ? [] : [kindOfName(Code)]));
  if (kinds.every((kind) => kind === 'transient')) return 'transient';
  return kinds.includes('condition') ? 'condition' : 'permanent';
}

function statusOf(failure: Error): number | null {
  if (!('$metadata' in failure) || typeof failure.$metadata !== 'object' || failure.$metadata === null) return null;
  const { httpStatusCode } = failure.$metadata as { readonly httpStatusCode?: unknown };
  return typeof httpStatusCode === 'number' ? httpStatusCode : null;
}

/** What the adapters need to wait between tries: an injected clock and random number, so that tests need neither. */
export type RetryPorts = { readonly sleep: (ms: number) => Promise<unknown>; readonly random: () => number };

/** How often an operation is tried while it fails for a passing reason. */
export const maxTries = 8;
const firstPauseMs = 25;
const longestPauseMs = 1_600;

/** The pause after a try (from 1): full jitter, so that those who were throttled together do not return together. */
export function pauseMs(attempt: number, random: number): number {
  return Math.ceil(random * Math.min(longestPauseMs, firstPauseMs * 2 ** attempt));
}

/** Runs an operation again while it fails for a passing reason; anything else, and the last failure, is thrown. */
export async function retrying<T>(ports: RetryPorts, operation: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (error) {
      if (attempt >= maxTries || failureKind(error) !== 'transient') throw error;
      await ports.sleep(pauseMs(attempt, ports.random()));
    }
  }
}

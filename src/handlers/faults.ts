import { failureKind } from '../adapters/aws/failures.ts';
import { LogUnavailable } from '../application/log-unavailable.ts';

/** Whether a failure may pass by itself: throttling, timeouts, faults of the service. Whatever was to be done is worth another try. */
export function mayPass(error: unknown): boolean {
  return error instanceof LogUnavailable || failureKind(error) === 'transient';
}

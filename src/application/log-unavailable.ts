/**
 * The log could not be read, or could not take an append, for a reason outside the events: what was to be written may or may not
 * be there, and nothing was acknowledged.
 */
export class LogUnavailable extends Error {
  override readonly name = 'LogUnavailable';
}

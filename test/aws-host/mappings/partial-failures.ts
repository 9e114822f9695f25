/**
 * What a function said about a batch (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html): the identifiers of
 * items that failed, none of them where it said nothing. `'all'` where it said what cannot be read.
 */
export function failuresIn(response: unknown, known: ReadonlySet<string>): ReadonlySet<string> | 'all' {
  if (response === null || response === undefined || response === '') return new Set();
  if (typeof response !== 'object') return 'all';
  if (!('batchItemFailures' in response)) return Object.keys(response).length === 0 ? new Set() : 'all';
  const failures = response.batchItemFailures;
  if (failures === null) return new Set();
  if (!Array.isArray(failures)) return 'all';
  const identifiers = failures.map((failure: { readonly itemIdentifier?: unknown } | null) => failure?.itemIdentifier);
  if (!identifiers.every((identifier) => typeof identifier === 'string' && known.has(identifier))) return 'all';
  return new Set(identifiers as string[]);
}

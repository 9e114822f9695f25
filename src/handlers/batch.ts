/** The records of a batch that are to come again; none means that all of it is done (Lambda, ReportBatchItemFailures). */
export type BatchResponse = { readonly batchItemFailures: readonly { readonly itemIdentifier: string }[] };

export function failing(identifiers: readonly string[]): BatchResponse {
  return { batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) };
}

export const allDone: BatchResponse = failing([]);

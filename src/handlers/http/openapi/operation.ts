import type * as z from 'zod';

/** One method of a path. */
export type Operation = {
  readonly summary: string;
  readonly body?: z.ZodType | 'bytes' | undefined;
  readonly bodyIsOptional?: boolean;
  readonly query?: z.ZodObject;
  readonly extraParameters?: readonly object[];
  /** By status; null is an answer without a body. */
  readonly answers: Readonly<Record<number, z.ZodType | string | null>>;
  readonly open?: boolean;
  readonly ifMatch?: boolean;
  readonly idempotencyKey?: boolean;
};
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** `label.<key>=<value>` of a list's query. */
export const labelParameter = {
  name: 'label',
  in: 'query',
  description: 'label.<key>=<value>, any number of them: all must fit.',
  style: 'form',
  explode: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
} as const;

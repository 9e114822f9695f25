import { limits } from '../../domain/limits.ts';

/** The bytes of an answer's JSON as a Lambda function sends it: as a string within JSON, where every quote is escaped once more. */
export function bytesSent(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

/** Of the values of a page the first ones that one answer holds; one at least, so that a page always goes on. */
export function fitting<Value>(values: readonly Value[]): readonly Value[] {
  let bytes = 0;
  const end = values.findIndex((value, index) => {
    bytes += bytesSent(JSON.stringify(value));
    return index > 0 && bytes > limits.answerBytes;
  });
  return end === -1 ? values : values.slice(0, end);
}

/** Values in two forms: in full as many as one answer holds beside the others, in order; the others in brief. */
export function shrunk<Value>(full: readonly Value[], brief: readonly Value[]): readonly Value[] {
  const sizes = brief.map((value) => bytesSent(JSON.stringify(value)));
  let left = limits.answerBytes - sizes.reduce((sum, size) => sum + size, 0);
  return full.map((value, index) => {
    const more = bytesSent(JSON.stringify(value)) - (sizes[index] ?? 0);
    if (more > left) return brief[index] ?? value;
    left -= more;
    return value;
  });
}

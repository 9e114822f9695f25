import { createHash, randomUUID } from 'node:crypto';
import { type Asked, type Input, listOf } from './asked.ts';
import type { Fault, PartFate } from './faults.ts';

/** A request of which only some parts go on to the service, and how the service's answer becomes that to all of them. */
export type Split = { readonly input: Input | null; answer(reply: Input): object };

/** Splits a request as its fault says. Throws for an operation whose parts are not answered one by one. */
export function split(asked: Asked, input: Input, { fateOf }: Fault & { kind: 'parts' }): Split {
  const name = listOf[asked.operation];
  const answersOf = answers[asked.operation];
  if (name === undefined || answersOf === undefined) throw new Error(`${asked.operation} has no parts that could fail on their own`);
  const given = input[name] as readonly Input[];
  const fates = asked.parts.map((part) => fateOf(part));
  const goesOn = (fate: PartFate | undefined): boolean => fate === 'taken' || (typeof fate === 'object' && 'denied' in fate);
  const carried = given.filter((_part, index) => goesOn(fates[index]));
  return {
    input: carried.length === 0 ? null : { ...input, [name]: carried },
    answer: (reply) => answersOf(given, fates, (index) => (goesOn(fates[index]) ? carried.indexOf(given[index] ?? {}) : -1), reply),
  };
}

type Answer = (
  given: readonly Input[],
  fates: readonly PartFate[],
  /** The place of a part among those that went on. */
  placeOf: (index: number) => number,
  reply: Input,
) => object;

const codeOf = (fate: PartFate | undefined): string | null => {
  if (typeof fate !== 'object') return null;
  return 'refused' in fate ? fate.refused : fate.denied;
};
const listIn = (reply: Input, name: string): readonly Input[] => (reply[name] as readonly Input[] | undefined) ?? [];

const answers: Readonly<Record<string, Answer>> = {
  BatchExecuteStatement: (given, fates, placeOf, reply) => ({
    ...reply,
    Responses: given.map((_statement, index) => {
      const Code = codeOf(fates[index]);
      if (Code !== null) return { Error: { Code, Message: 'refused on the way' } };
      return listIn(reply, 'Responses')[placeOf(index)] ?? {};
    }),
  }),
  SendMessageBatch: (given, fates, _placeOf, reply) => {
    const failed = (index: number): boolean => codeOf(fates[index]) !== null;
    const failedIds = new Set(given.filter((_entry, index) => failed(index)).map(({ Id }) => Id));
    return {
      Successful: [
        ...listIn(reply, 'Successful').filter(({ Id }) => !failedIds.has(Id)),
        ...given.flatMap((entry, index) => (fates[index] === 'lost' ? [asIfSent(entry)] : [])),
      ],
      Failed: [
        ...listIn(reply, 'Failed').filter(({ Id }) => !failedIds.has(Id)),
        ...given.flatMap(({ Id }, index) => {
          const fate = fates[index];
          const SenderFault = typeof fate === 'object' && 'refused' in fate && fate.senderFault === true;
          return failed(index) ? [{ Id, Code: codeOf(fate), SenderFault, Message: 'refused on the way' }] : [];
        }),
      ],
    };
  },
  PutEvents: (given, fates, placeOf, reply) => {
    const Entries = given.map((_entry, index) => {
      const ErrorCode = codeOf(fates[index]);
      if (ErrorCode !== null) return { ErrorCode, ErrorMessage: 'refused on the way' };
      return fates[index] === 'lost' ? { EventId: randomUUID() } : (listIn(reply, 'Entries')[placeOf(index)] ?? {});
    });
    return { Entries, FailedEntryCount: Entries.filter((entry) => 'ErrorCode' in entry).length };
  },
};

/** The SDK checks the digest of what it sent. */
function asIfSent({ Id, MessageBody }: Input): object {
  return { Id, MessageId: randomUUID(), MD5OfMessageBody: createHash('md5').update(String(MessageBody)).digest('hex') };
}

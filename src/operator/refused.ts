/** Why a command of the operator does not go on: what is wrong and what to do about it, in words for a person. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

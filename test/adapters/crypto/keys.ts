/** A key of 32 bytes that differs for every number. */
export function keyOf(number: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => (number * 37 + index) % 256);
}

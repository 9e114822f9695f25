/** Runs its argument once everything of this turn of the event loop has been done. */
export function nextTurn(work: () => void): void {
  setImmediate(work);
}

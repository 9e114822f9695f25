/** Bytes as JSON can carry them: as they are when they are UTF-8, in base64 otherwise. */
export type RenderedBody = { readonly body: string; readonly encoding: 'utf8' | 'base64' };

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function renderBody(bytes: Uint8Array | null, truncated = false): RenderedBody {
  if (bytes === null || bytes.length === 0) return { body: '', encoding: 'utf8' };
  try {
    return { body: strictUtf8.decode(bytes), encoding: 'utf8' };
  } catch {
    const whole = truncated ? wholeCharacters(bytes) : null;
    return whole === null ? { body: base64(bytes), encoding: 'base64' } : { body: whole, encoding: 'utf8' };
  }
}

/** A text that was cut inside its last character is still a text: up to three bytes of that character are dropped. */
function wholeCharacters(bytes: Uint8Array): string | null {
  for (let cut = 1; cut <= 3 && cut < bytes.length; cut += 1) {
    try {
      return strictUtf8.decode(bytes.subarray(0, bytes.length - cut));
    } catch {
      // Cut one byte more.
    }
  }
  return null;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

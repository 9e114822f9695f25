import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Receipt } from './target.ts';

export const newSecret = 'whsec_bmV3ZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMhIQ==';
export const oldSecret = 'whsec_b2xkZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMhIQ==';

/** A header that occurs once; undefined if it is not there. */
export function header(receipt: Receipt | undefined, name: string): string | undefined {
  const value = receipt?.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The signature that Standard Webhooks asks for, worked out from its text alone. */
export function signatureByHand(secret: string, receipt: Receipt): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = Buffer.concat([Buffer.from(`${header(receipt, 'webhook-id')}.${header(receipt, 'webhook-timestamp')}.`), receipt.body]);
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

/** Throws unless the reference library accepts what was received. */
export function verify(secret: string, receipt: Receipt): void {
  const headers = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, header(receipt, name) ?? '']),
  );
  new Webhook(secret).verify(receipt.body, headers, { jsonParse: false });
}

/** The id in a webhook-id, written anew from the contract: what encodeURIComponent leaves alone, except `.` and `~`. */
export function encodedId(id: string): string {
  return [...id]
    .map((character) =>
      /[A-Za-z0-9_!*'()-]/.test(character) ? character : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

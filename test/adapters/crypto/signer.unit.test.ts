import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { newSigningSecret } from '../../../src/adapters/crypto/secrets.ts';
import { createSigner } from '../../../src/adapters/crypto/signer.ts';

const [older, newer] = [newSigningSecret(), newSigningSecret()];
const body = Buffer.from('{"text":"größer ✓"}');
/** The library accepts five minutes around its own clock, so the time is the present one. */
const nowS = Math.floor(Date.now() / 1_000);
const headers = (signature: string, id = 'order-42') => ({
  'webhook-id': id,
  'webhook-timestamp': String(nowS),
  'webhook-signature': signature,
});

describe('a signature', () => {
  test('is the one of the published example', () => {
    const signer = createSigner(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']);
    const payload = Buffer.from('{"test": 2432232314}');
    expect(signer.sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, payload)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  test('is the one the standardwebhooks library makes', () => {
    expect(createSigner([newer]).sign('order-42', nowS, body)).toBe(new Webhook(newer).sign('order-42', new Date(nowS * 1_000), body));
  });

  test('is accepted by the standardwebhooks library, and not for another body, id or secret', () => {
    const signature = createSigner([newer]).sign('order-42', nowS, body);
    expect(new Webhook(newer).verify(body, headers(signature))).toEqual({ text: 'größer ✓' });
    expect(() => new Webhook(newer).verify(Buffer.from('{}'), headers(signature))).toThrow();
    expect(() => new Webhook(newer).verify(body, headers(signature, 'order-43'))).toThrow();
    expect(() => new Webhook(older).verify(body, headers(signature))).toThrow();
  });

  test('during a rotation is one of each secret, the newest first, and receivers with either accept it', () => {
    const signature = createSigner([newer, older]).sign('order-42', nowS, body);
    const single = [newer, older].map((secret) => createSigner([secret]).sign('order-42', nowS, body));
    expect(signature).toBe(single.join(' '));
    for (const secret of [newer, older]) expect(() => new Webhook(secret).verify(body, headers(signature))).not.toThrow();
  });

  test('covers an absent body as an empty one', () => {
    expect(createSigner([newer]).sign('order-42', nowS, null)).toBe(createSigner([newer]).sign('order-42', nowS, new Uint8Array(0)));
    expect(createSigner([newer]).sign('order-42', nowS, null)).toBe(new Webhook(newer).sign('order-42', new Date(nowS * 1_000), ''));
  });

  test('covers bytes that are no text', () => {
    const one = createSigner([newer]).sign('order-42', nowS, Uint8Array.of(0xff));
    expect(createSigner([newer]).sign('order-42', nowS, Uint8Array.of(0xfe))).not.toBe(one);
  });

  test('needs a secret', () => {
    expect(() => createSigner([])).toThrow('at least one');
    expect(() => createSigner(['secret'])).toThrow('whsec_');
  });
});

import { type MessageSchema, messageSchema, SERVICES } from '@edgeplane/objects';

const HIDDEN = '[hidden]';
/** Shorter secrets are not looked for in texts: they would be found everywhere. */
const SHORTEST_SOUGHT = 4;

/** A request without its secrets, and what they were. */
export interface Redacted {
  readonly shown: unknown;
  readonly secrets: readonly string[];
}

/** Takes out of a request what the protos mark as secret. `path` is `/<service>/<method>`; unknown ones have no secrets. */
export function redact(path: string, request: unknown): Redacted {
  const [, service = '', name = ''] = path.split('/');
  const method = SERVICES[service]?.methods.find((m) => m.name === name);
  if (!method || typeof request !== 'object' || request === null) return { shown: request, secrets: [] };
  const secrets: string[] = [];
  return { shown: hide(messageSchema(method.request), request, secrets), secrets };
}

/** A text without these secrets, such as an error that quotes the request. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  // The longest first, so that none is left in pieces by another that is part of it.
  const sought = secrets.filter((s) => s.length >= SHORTEST_SOUGHT).sort((a, b) => b.length - a.length);
  return sought.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text);
}

function hide(schema: MessageSchema, message: object, secrets: string[]): Record<string, unknown> {
  const shown: Record<string, unknown> = { ...message };
  for (const field of schema.fields) {
    const value = shown[field.prop];
    if (value === undefined || value === null) continue;
    if (field.secret) {
      const found = textsOf(value);
      secrets.push(...found);
      shown[field.prop] = found.length > 0 ? HIDDEN : '';
    } else if (field.kind === 'message') {
      const inner = messageSchema(field.type);
      shown[field.prop] = Array.isArray(value)
        ? value.map((item: object) => hide(inner, item, secrets))
        : hide(inner, value, secrets);
    }
  }
  return shown;
}

/** The texts of a secret field: of one value, a list or a map. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (value instanceof Uint8Array) return value.length === 0 ? [] : [Buffer.from(value).toString('base64')];
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsOf);
  return [String(value)];
}

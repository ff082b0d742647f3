import { type Clock, defineErrors, fail, messageOf } from '@edgeplane/base';

export const influxErrors = defineErrors({
  INFLUX_UNREACHABLE: ['UNAVAILABLE', 'InfluxDB at {addr} does not answer: {reason}', 'retryable'],
  INFLUX_REFUSED: ['INVALID_ARGUMENT', 'InfluxDB at {addr} refused points: {reason}'],
  INFLUX_NO_DATABASE: ['NOT_FOUND', 'InfluxDB at {addr} has no database {database}'],
});

export interface InfluxClientOptions {
  /** `host:port`. */
  readonly addr: string;
  readonly database: string;
  readonly clock: Clock;
}

/** How long one request may take, milliseconds. */
const TIMEOUT_MS = 10_000;
/** Of an answer's reason, characters. */
const REASON_MAX = 300;

/** The two requests of InfluxDB 1.x that the controller makes (controller spec section 18.4). */
export class InfluxClient {
  readonly #options: InfluxClientOptions;

  constructor(options: InfluxClientOptions) {
    this.#options = options;
  }

  get addr(): string {
    return this.#options.addr;
  }

  /** Makes the database unless it is there. @throws EdgeplaneError INFLUX_UNREACHABLE */
  async createDatabase(signal: AbortSignal): Promise<void> {
    const { database } = this.#options;
    const query = new URLSearchParams({ q: `create database ${database}`, db: database, params: 'null' });
    const { status, text } = await this.#post(`/query?${query}`, undefined, signal);
    // Faults of the statement are in the answer of an accepted request.
    if (status !== 200 || text.includes('"error"')) throw this.#unreachable(`status ${status}: ${text}`);
  }

  /** Writes lines. @throws EdgeplaneError INFLUX_UNREACHABLE, INFLUX_NO_DATABASE, INFLUX_REFUSED */
  async write(lines: readonly string[], signal: AbortSignal): Promise<void> {
    const { addr, database } = this.#options;
    const query = new URLSearchParams({ consistency: '', db: database, precision: 'us', rp: '' });
    const { status, text } = await this.#post(`/write?${query}`, `${lines.join('\n')}\n`, signal);
    if (status >= 200 && status < 300) return;
    if (status === 404) throw fail(influxErrors.INFLUX_NO_DATABASE, { addr, database });
    if (status === 400 || status === 413) throw fail(influxErrors.INFLUX_REFUSED, { addr, reason: text });
    throw this.#unreachable(`status ${status}: ${text}`);
  }

  async #post(path: string, body: string | undefined, signal: AbortSignal) {
    const { addr, clock } = this.#options;
    const ending = new AbortController();
    const stop = () => ending.abort(signal.reason);
    const cancel = clock.after(TIMEOUT_MS, () =>
      ending.abort(new Error(`no answer within ${TIMEOUT_MS} ms`)),
    );
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const answer = await fetch(`http://${addr}${path}`, {
        method: 'POST',
        redirect: 'error',
        signal: ending.signal,
        ...(body !== undefined && { body, headers: { 'content-type': 'text/plain; charset=utf-8' } }),
      });
      return { status: answer.status, text: (await answer.text()).trim().slice(0, REASON_MAX) };
    } catch (error) {
      throw this.#unreachable(reasonOf(error), error);
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  #unreachable(reason: string, cause?: unknown) {
    return fail(influxErrors.INFLUX_UNREACHABLE, { addr: this.#options.addr, reason }, { cause });
  }
}

/** What fetch hides behind "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : messageOf(cause) || messageOf(error);
}

import { join } from 'node:path';
import { type Clock, fail, type Logger, type Random } from '@edgeplane/base';
import type { Disk } from '../../disk.js';
import {
  isFinished,
  type Json,
  OperationLog,
  type OperationRecord,
  type Runner,
  thrown,
} from '../work/index.js';
import { auraeErrors } from './errors.js';

export const VERBS = ['allocate', 'start', 'stop', 'free', 'restart'] as const;
export type Verb = (typeof VERBS)[number];

export interface PodOperationsOptions {
  readonly stateDir: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly runners: Readonly<Record<Verb, Runner>>;
  /** Told before and after an operation. */
  readonly changed: (keyJson: string) => void;
  /** Where tests end the process. */
  readonly onStep?: (record: OperationRecord) => Promise<void> | void;
}

export interface VerbCall {
  readonly verb: Verb;
  readonly keyJson: string;
  /** For error texts. */
  readonly name: string;
  readonly request: Json;
  readonly requestId: string;
  readonly caller: string;
  /** What no record may hold. */
  readonly secret?: string;
}

/**
 * The verbs as operations, one at a time for each pod, that outlive their callers and the agent. A call that repeats what is
 * under way joins it; one that wants something else meanwhile is refused.
 */
export class PodOperations {
  readonly #log: OperationLog;
  readonly #changed: (keyJson: string) => void;

  constructor(options: PodOperationsOptions) {
    const { stateDir, disk, clock, random, logger, onStep, runners } = options;
    this.#changed = options.changed;
    this.#log = new OperationLog({
      ...{ dir: join(stateDir, 'operations'), disk, clock, random, logger },
      ...(onStep && { onStep }),
    });
    for (const verb of VERBS) this.#log.register(verb, runners[verb]);
  }

  start(): Promise<void> {
    return this.#log.start();
  }

  stop(): Promise<void> {
    return this.#log.stop();
  }

  /** What is under way for a pod. */
  underWay(keyJson: string): Verb | undefined {
    return this.#unfinished(keyJson)[0]?.kind as Verb | undefined;
  }

  /**
   * Has it done and waits for its end; when the caller leaves, it goes on.
   * @throws POD_BUSY, or as the operation failed
   */
  async run(call: VerbCall, signal: AbortSignal): Promise<OperationRecord> {
    const { verb: kind, keyJson: subject, name, caller: owner, request, requestId, secret } = call;
    const means = (other: OperationRecord) =>
      other.kind === kind &&
      ((requestId !== '' && other.requestId === requestId && other.owner === owner) ||
        JSON.stringify(other.request) === JSON.stringify(request));
    const other = this.#unfinished(subject).find((each) => !means(each));
    if (other && kind !== 'restart') throw fail(auraeErrors.POD_BUSY, { name, verb: other.kind });
    const lanes = [subject];
    const submission = { kind, subject, owner, request, requestId, lanes };
    const record = await this.#log.submit({ ...submission, ...(secret !== undefined && { secret }) });
    this.#changed(subject);
    const ended = await this.#log.wait(record.id, signal).finally(() => this.#changed(subject));
    if (ended.error) throw thrown(ended.error);
    return ended;
  }

  /** Ends what is under way for a pod, and waits until it has ended. */
  async cancel(keyJson: string, signal: AbortSignal): Promise<void> {
    for (const { id } of this.#unfinished(keyJson)) {
      await this.#log.cancel(id);
      await this.#log.wait(id, signal);
    }
  }

  #unfinished(subject: string): readonly OperationRecord[] {
    return this.#log.list().filter((record) => record.subject === subject && !isFinished(record));
  }
}

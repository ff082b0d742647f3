import { compactionTests } from './conformance-compaction.js';
import { leaseTests } from './conformance-leases.js';
import { modelTests } from './conformance-model.js';
import { pageTests } from './conformance-pages.js';
import { raceTests } from './conformance-races.js';
import type { ConformanceSubject, DefineTest, MakeSubject } from './conformance-subject.js';
import { txnTests } from './conformance-txn.js';
import { watchTests } from './conformance-watch.js';

export type { ConformanceSubject, DefineTest, MakeSubject } from './conformance-subject.js';

/**
 * The definition of `Store`, as tests. `makeSubject` makes a store with data of its own for every test.
 * A subject leaves out what its store cannot do; the tests of that are then not defined.
 */
export function storeConformance(
  test: DefineTest,
  name: string,
  makeSubject: MakeSubject,
  abilities: readonly (keyof ConformanceSubject)[] = [],
): void {
  const define = (what: string, body: (subject: ConformanceSubject) => Promise<void>) => {
    test(`${name}: ${what}`, async () => {
      const subject = await makeSubject();
      try {
        await body(subject);
      } finally {
        await subject.cleanup();
      }
    });
  };
  txnTests(define);
  raceTests(define);
  watchTests(define);
  modelTests(define);
  leaseTests(define, abilities);
  compactionTests(define, abilities);
  pageTests(define, abilities);
}

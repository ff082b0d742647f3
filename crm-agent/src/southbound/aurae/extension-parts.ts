import { fail } from '@edgeplane/base';
import { auraeErrors } from './errors.js';
import type { PodPrograms } from './pod-programs.js';
import type { PodRecord } from './pod-record.js';
import type { PodService } from './pod-service.js';
import type { PodTable } from './pod-table.js';

/** What questions about pods are answered from. */
export interface ExtensionParts {
  readonly service: PodService;
  readonly table: PodTable;
  readonly programs: PodPrograms;
}

/** The container that is meant; the only one when none is named. @throws NO_CONTAINER, WHICH_CONTAINER */
export function containerIn({ name, spec }: PodRecord, container: string): string {
  const [only, ...others] = spec.containers;
  if (container !== '') {
    if (spec.containers.some((c) => c.name === container)) return container;
    throw fail(auraeErrors.NO_CONTAINER, { name, container });
  }
  if (only && others.length === 0) return only.name;
  const count = spec.containers.length;
  throw fail(auraeErrors.WHICH_CONTAINER, { field: 'container_name', name, count });
}

import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { ControllerContext } from '../context.js';
import type { Tx } from '../db/tx.js';
import { controllerErrors } from '../errors.js';
import { DEFAULT_OPERATOR } from '../names.js';

/**
 * Marks the Developer as referred to by what is being stored, if it is there: the names of developers need no objects
 * (controller spec section 10.1) unless owners are strict.
 * @throws EdgeplaneError DEVELOPER_MISSING
 */
export async function referDeveloper(
  { strictOwners }: ControllerContext,
  tx: Tx,
  name: string,
): Promise<void> {
  const found = await tx.refer(OBJECTS.Developer, { name });
  if (!found && strictOwners) throw fail(controllerErrors.DEVELOPER_MISSING, { name });
}

/** The same for the Operator of a Cloudlet; that of the default cloudlet cannot be created. @throws EdgeplaneError OPERATOR_MISSING */
export async function referOperator(
  { strictOwners }: ControllerContext,
  tx: Tx,
  name: string,
): Promise<void> {
  const found = await tx.refer(OBJECTS.Operator, { name });
  if (!found && strictOwners && name !== DEFAULT_OPERATOR) {
    throw fail(controllerErrors.OPERATOR_MISSING, { name });
  }
}

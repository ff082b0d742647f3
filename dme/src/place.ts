import { Loc } from '@edgeplane/proto/dme/loc.js';

/** A position with nothing set. */
export const EMPTY_LOC: Loc = Loc.create();

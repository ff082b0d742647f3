// Before tsx: lets a process import one file with a fault in it, so that the product has no switches for faults.
import { register } from 'node:module';

const { EDGEPLANE_MUTATION } = process.env;
if (EDGEPLANE_MUTATION)
  register('./mutation-hooks.mjs', import.meta.url, { data: JSON.parse(EDGEPLANE_MUTATION) });

import { fail } from '@edgeplane/base';
import type { HostForward, KernelBoot, VmSpec } from '../../engines/qemu/index.js';
import { hostName, shortHash } from '../../host-names.js';
import type { AppInstRequest } from '../driver.js';
import { commandWords } from '../local/command-words.js';
import { readEnvVars } from '../local/env-vars.js';
import { localErrors } from '../local/errors.js';
import { planPorts } from '../local/ports.js';
import { type PlanSettings, sizeOf } from '../local/vm-plan.js';
import { type Program, seedScript } from './program.js';

/** What a docker AppInst is to be as a microVM, as far as that is known before its image is. Plain data. */
export interface MicrovmPlan {
  readonly name: string;
  readonly instanceId: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly diskMib: number;
  readonly forwards: readonly HostForward[];
  readonly labels: Readonly<Record<string, string>>;
}

/** @throws EdgeplaneError naming what of the App or flavor cannot be. */
export function planMicrovm(request: AppInstRequest, settings: PlanSettings): MicrovmPlan {
  const { app, appInst, flavor, keyJson } = request;
  const env = readEnvVars(app.configs).map(({ name, value, valueFrom }) => {
    if (valueFrom === undefined) return [name, value ?? ''] as const;
    const rule = `${name} must have a plain value for deployment docker`;
    throw fail(localErrors.BAD_ENV_VARS, { rule, value: JSON.stringify(valueFrom) });
  });
  return {
    name: hostName([app.key?.name ?? ''], keyJson),
    instanceId: `ep-${shortHash(keyJson)}`,
    image: app.imagePath,
    command: commandWords(app.command),
    env: Object.fromEntries(env),
    cpus: sizeOf(flavor, 'vcpus'),
    memoryMib: sizeOf(flavor, 'ram'),
    diskMib: sizeOf(flavor, 'disk') * 1024,
    forwards: planPorts(appInst.mappedPorts, settings.publicAddr, settings.innerPorts).published,
    labels: { cloudlet: settings.cloudletKeyJson, appInst: keyJson },
  };
}

/** The machine of a plan, once its image is on a disk. */
export function microvmSpec(plan: MicrovmPlan, program: Program, root: string, kernel: KernelBoot): VmSpec {
  const { name, instanceId, cpus, memoryMib, forwards, labels } = plan;
  return {
    id: name,
    machine: 'microvm',
    ...{ cpus, memoryMib, kernel },
    image: root,
    nics: [{ type: 'user', forwards }],
    cloudInit: { instanceId, hostname: name, userData: seedScript(program, { instanceId, hostname: name }) },
    labels,
  };
}

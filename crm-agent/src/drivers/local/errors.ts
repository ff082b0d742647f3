import { defineErrors } from '@edgeplane/base';

/** What the local driver tells users. */
export const localErrors = defineErrors({
  DEPLOYMENT_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'deployment {deployment} is not supported on platform {platform}, must be one of {known}',
  ],
  VM_UNAVAILABLE: [
    'FAILED_PRECONDITION',
    'virtual machines need the Debian packages qemu-system-x86 and qemu-utils: {reason}',
  ],
  CONTAINERS_UNAVAILABLE: ['FAILED_PRECONDITION', 'this host cannot run containers: {reason}'],
  BAD_ENV_VARS: ['INVALID_ARGUMENT', 'config of kind envVarsYaml: {rule}, but got "{value}"'],
  BAD_PUBLIC_ADDR: ['INVALID_ARGUMENT', '--public-addr: must be an IPv4 address, but got "{value}"'],
  NO_FLAVOR: ['FAILED_PRECONDITION', 'flavor {name} has no {what}'],
  CONSOLE_UNREACHABLE: ['UNAVAILABLE', 'the console of virtual machine {id} cannot be reached: {reason}'],
  CONSOLE_ONLY: [
    'FAILED_PRECONDITION',
    'a virtual machine has no shell but its serial console: give no command and no container but "display", but got "{value}"',
  ],
  DISPLAY_PLAIN: [
    'INVALID_ARGUMENT',
    'plain: must be true for the display of a virtual machine, whose bytes are VNC and not a terminal, but is false',
  ],
  VM_UPDATE_UNSUPPORTED: [
    'UNIMPLEMENTED',
    'a virtual machine keeps its size on platform local: delete the instance and create it with the new one',
  ],
  VM_DIED: ['ABORTED', 'virtual machine stopped right after its start: {reason}'],
});

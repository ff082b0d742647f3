import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** What to run in place of a program. */
export interface Wrapped {
  readonly command: string;
  readonly args: readonly string[];
}

/** Folders of programs that something may be removed from. */
const FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/lib/nginx'];

/**
 * Lays a layer of their own over the folders of programs, from which files are removed: for this process and those that it
 * starts they are not installed. Everybody else sees them.
 */
const SCRIPT = `set -e
layers=$1; shift
mount -t tmpfs edgeplane-test "$layers"
for folder in ${FOLDERS.join(' ')}; do
  name=$(basename $folder)
  mkdir "$layers/$name" "$layers/$name-work"
  mount -t overlay edgeplane-test -o "lowerdir=$folder,upperdir=$layers/$name,workdir=$layers/$name-work" $folder
done
while [ "$1" != -- ]; do rm "$1"; shift; done
shift
exec "$@"
`;

/** Makes a program run on a host that lacks files, such as `/usr/bin/qemu-img`; with root's rights. */
export function withoutPrograms(dir: string, files: readonly string[], program: Wrapped): Wrapped {
  const layers = join(dir, 'without');
  mkdirSync(layers, { recursive: true });
  const shell = ['sh', '-c', SCRIPT, 'sh', layers, ...files, '--', program.command, ...program.args];
  return { command: 'unshare', args: ['--mount', '--propagation', 'private', ...shell] };
}

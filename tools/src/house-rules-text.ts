const LONG = 400;
const STOP = 800;

/** What a source file does that the house rules forbid. `path` is relative to the root, with forward slashes. */
export function findings(path: string, text: string): string[] {
  const out: string[] = [];
  const name = path.slice(path.lastIndexOf('/') + 1);
  const lines = text.split('\n').length;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(name)) out.push(`${path}: file names are kebab-case`);
  if (/^utils?\./.test(name)) out.push(`${path}: name the file after what it holds`);
  const isTest = path.endsWith('.test.ts');
  if (lines > STOP) out.push(`${path}: ${lines} lines; ${STOP} is a stop`);
  else if (lines > LONG && !isTest && !/^\/\/ long:/m.test(text)) {
    out.push(`${path}: ${lines} lines; over ${LONG} needs a comment "// long: why"`);
  }
  if (isTest && /\btest\.(only|skip)\(/.test(text)) out.push(`${path}: a test is skipped or runs alone`);
  if (/export (interface|class) I[A-Z][a-z]/.test(text)) out.push(`${path}: no I prefix`);
  return out;
}

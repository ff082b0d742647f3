let mutation;

export function initialize(data) {
  mutation = data;
}

/** Replaces a text that must be in the file exactly once. */
export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!new URL(url).pathname.endsWith(`/${mutation.file}`)) return loaded;
  const parts = loaded.source.toString().split(mutation.find);
  if (parts.length !== 2) throw new Error(`${mutation.file}: ${parts.length - 1} times ${mutation.find}`);
  return { ...loaded, source: parts.join(mutation.replace) };
}

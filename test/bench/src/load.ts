/** Runs `count` calls with `width` of them in flight; returns calls per second. */
export async function ratePerSecond(
  count: number,
  width: number,
  call: (i: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) await call(i);
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return (count / (performance.now() - started)) * 1000;
}

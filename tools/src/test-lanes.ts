/** Whether a job is one of those of which only one runs at a time. */
export interface LaneJob {
  readonly serial: boolean;
}

/**
 * Runs jobs, `width` at a time. Serial ones run one after the other, beside the rest: one worker begins with them and takes the
 * others when there are none left.
 */
export async function runLanes<J extends LaneJob, R>(
  jobs: readonly J[],
  width: number,
  run: (job: J) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const serial = jobs.filter((job) => job.serial);
  const rest = jobs.filter((job) => !job.serial);
  const worker = async (take: () => J | undefined) => {
    for (let job = take(); job; job = take()) results.push(await run(job));
  };
  await Promise.all([
    worker(() => serial.shift() ?? rest.shift()),
    ...Array.from({ length: width - 1 }, () => worker(() => rest.shift())),
  ]);
  return results;
}

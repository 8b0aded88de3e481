/** Which of the workers a process is. */
export interface WorkerPlace {
  /** From 1. One that is started again has the number of the one before. */
  readonly nth: number;
  readonly of: number;
}

/** The variable of the environment by which a primary tells its worker. */
export const WORKER_PLACE = 'TALLYGATE_WORKER';

export function renderPlace({ nth, of }: WorkerPlace): string {
  return `${nth}/${of}`;
}

/** @throws RangeError for what `renderPlace` never says. */
export function readPlace(text: string | undefined): WorkerPlace {
  const [, nth, of] = /^(\d+)\/(\d+)$/.exec(text ?? '') ?? [];
  if (nth === undefined || of === undefined) {
    throw new RangeError(`a worker was started without ${WORKER_PLACE}`);
  }
  return { nth: Number(nth), of: Number(of) };
}

/** One keystroke's second delivery comes within milliseconds; a person's second one does not. */
const ECHO_MS = 1_000;

/**
 * Resolves with the first of these signals. npm passes on a Ctrl-C that the terminal has delivered
 * already, so one keystroke arrives twice: what comes at once after the first is ignored. Later, a
 * second signal ends the process as it is, for somebody who does not want to wait for open requests.
 */
export function stopSignal(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const forget = (): void => {
    for (const signal of signals) process.off(signal, hear);
  };
  const hear = (signal: NodeJS.Signals): void => {
    resolve(signal);
    setTimeout(forget, ECHO_MS).unref();
  };
  for (const signal of signals) process.on(signal, hear);
  return promise;
}

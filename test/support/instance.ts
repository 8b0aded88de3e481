// What a contract suite needs of an adapter. The suites know nothing else of it.

/** An adapter over data of its own: fresh, isolated, and gone when disposed. */
export interface Instance<Port> extends AsyncDisposable {
  readonly port: Port;
  /** Another handle on the same data, as another process would have; closed with the instance. */
  another(): Promise<Port>;
  /** Closes every handle and opens the same data again. */
  reopen(): Promise<Port>;
  /** How a child process opens the same data. */
  readonly opener: Opener;
}

/** A module's exported function that takes one text and answers the port. */
export interface Opener {
  readonly module: string;
  readonly export: string;
  readonly argument: string;
}

/** `open` leaves what has to be closed after the port on the stack. */
export async function instanceOf<Port extends AsyncDisposable>(
  opener: Opener,
  open: (opened: AsyncDisposableStack) => Promise<Port>,
): Promise<Instance<Port>> {
  let opened = new AsyncDisposableStack();
  const another = async () => opened.use(await open(opened));
  const closeAll = async () => {
    const closing = opened;
    opened = new AsyncDisposableStack();
    await closing.disposeAsync();
  };
  return {
    port: await another(),
    another,
    async reopen() {
      await closeAll();
      return another();
    },
    opener,
    [Symbol.asyncDispose]: closeAll,
  };
}
